//! Who is in a presence channel: the first socket of a user arrives, the last one leaves.
