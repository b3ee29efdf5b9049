//! Who is here: in a presence channel, and on the platform as a whole.
//!
//! [`Members`] is the list of one presence channel: the first socket of a user arrives, the last one leaves. [`Roll`] is who is
//! online in an app, whatever they hear: by their sockets, or by signs of life that they send without one. Both are plain
//! values: they send nothing, lock nothing and take the time from their caller.

mod members;
mod roll;
mod status;

pub use self::{
    members::{Arrival, Crowd, Departure, Member, Members, News},
    roll::{Edge, LEASE, MAX_LEASES, MAX_PEOPLE, Moment, Offline, Roll, Signal, Stay, TooMany},
    status::{Availability, BadStatus, Shown, Sighting, Status, UnknownAvailability},
};
