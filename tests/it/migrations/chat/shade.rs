//! What is written in the shadow, as each database keeps it.

use campanile::{
    domain::chat::{Message, Reaction},
    ids::UserId,
    store::{Mark, Marked, Store, Viewer, Window},
};

use super::{app, id, message, post, user, write};

/// What was said in the shadow is found by its author and staff alone, and a reaction from there by whoever reacted.
pub(super) async fn shade(store: &Store) {
    let hidden = Message { chat: id("q"), is_shadowed: true, ..message("sh", "a", None) };
    assert_eq!(post(store, hidden.clone()).await.is_shadowed, hidden.is_shadowed);
    let (chat, a, b) = (id("q"), user("a"), user("b"));
    for (viewer, sees) in [
        (Viewer::All, true),
        (Viewer::Person(&a, false), true),
        (Viewer::Person(&b, false), false),
        (Viewer::Person(&b, true), true),
    ] {
        let mut found = store.message_list((&app(), &chat), (viewer, 0), Window::Newest, 9).await.unwrap();
        found.retain(|one| one.is_shadowed);
        assert_eq!(found.len(), usize::from(sees), "{viewer:?}");
        assert_eq!(store.message_list_of((&app(), &chat), viewer, vec!["sh".to_owned()]).await.unwrap(), found);
    }
    let unread = async |is_staff: bool| store.message_unread((&app(), &chat), (&b, is_staff), 0).await.unwrap();
    assert_eq!(unread(true).await - unread(false).await, 1);
    let mark = async |who: &UserId, in_shadow: bool| {
        let (app, facts) = (app(), |_after: &Message, _in_shadow: bool| Vec::new());
        let marked = store.message_mark((&app, "sh"), (who, in_shadow), Mark::React("👍"), (write(2), facts));
        let Marked::Done(marked) = Box::pin(marked).await.unwrap().0 else { panic!("it is new") };
        marked.reactions
    };
    let count = |count: u64| vec![Reaction { emoji: "👍".to_owned(), count }];
    assert_eq!((mark(&a, true).await, mark(&b, false).await), (count(1), count(1)));
    let reactions =
        async |viewer: Option<&UserId>| store.message_find_for(&app(), "sh", viewer).await.unwrap().unwrap().reactions;
    assert_eq!((reactions(Some(&a)).await, reactions(Some(&b)).await), (count(2), count(1)));
}
