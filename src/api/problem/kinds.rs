//! Every kind of problem, in one table: what its code means and what to do. The pages below `/problems` show it.
//!
//! A code that is not in it must not be answered: a debug build says so where the problem is made, and
//! `tests/it/rest/problems.rs` reads the source for codes.

/// One kind of problem.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Kind {
    /// Its stable name.
    pub(in crate::api) code: &'static str,
    /// What has happened.
    pub(in crate::api) meaning: &'static str,
    /// What to do about it.
    pub(in crate::api) remedy: &'static str,
}

/// The kind of this name.
pub(in crate::api) fn find(code: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

macro_rules! kinds {
    ($($code:ident $meaning:literal $remedy:literal)+) => {
        &[$(Kind { code: stringify!($code), meaning: $meaning, remedy: $remedy }),+]
    };
}

/// All of them: about the request, about who sends it, about the thing that it is for, about the server.
pub(in crate::api) const KINDS: &[Kind] = kinds! {
    malformed_request "The request cannot be understood." "Compare it with the description of the operation at /docs."
    malformed_json "The body is no JSON." "Send valid JSON in UTF-8; `detail` says where it is broken."
    invalid_parameter "A parameter in the path, the query or a header has an impossible value, or is not known."
        "`errors` names the parameter and says what it may be."
    invalid_fields "Fields of the body are wrong, missing or not known."
        "`errors` names each by a JSON pointer and says what would be right."
    method_not_allowed "The path does not answer this method." "Use one that the header `Allow` names."
    unsupported_media_type "The body has a media type that is not understood." "Send the one that `Accept` names."
    body_too_large "The body has more bytes than this path takes." "Send less at once; `detail` names the limit."
    data_too_large "The data of an event is larger than the app allows."
        "Send less, or where to fetch it. The limit is an app setting."
    body_late "The body did not arrive in time." "Send it again, in one go."
    not_found "There is no such thing, or it is not yours to see: both look the same." "Check the id, and who asks."
    rate_limited "More requests than the limit lets through."
        "Wait for the seconds in `Retry-After`. `RateLimit-Policy` names the limit."
    idempotency_key_reused "The `Idempotency-Key` was used for another request."
        "Choose a new key for each request; repeat a request byte for byte."
    request_in_progress "The request with this `Idempotency-Key` is being executed."
        "Send it again after `Retry-After` to get its answer."
    answer_not_kept "The request was executed, but its answer was too large to be kept."
        "Read what it has made; do not repeat it."

    no_identity "Nothing proves who is calling, and this is not for everybody."
        "Send `Authorization: Bearer` with an API key or a token."
    several_proofs "There is more than one proof of who is calling." "Send one: a header, or the cookie."
    not_a_bearer "`Authorization` has another form than `Bearer TOKEN`." "Send a token or an API key in that form."
    not_identified "The channel is for people who are known, and nobody is."
        "Send the token of the person who subscribes."
    token_malformed "The token is no JWT." "Send it whole: three parts in base64url."
    token_ambiguous "There is more than one token." "Send one."
    token_too_long "The token is longer than tokens may be." "Let the issuer leave claims out."
    token_header_not_allowed "The header of the token brings keys or extensions, which are never used."
        "Let the issuer leave them out; keys are configured."
    token_key_id_too_long "The `kid` of the token is too long." "Use one of at most 128 characters."
    token_issuer_unknown "The `iss` of the token is no issuer that this server knows."
        "Configure the issuer, or use another token."
    token_algorithm_not_allowed "The token is signed in another way than its issuer is configured with."
        "Make the two agree; `detail` names the configured algorithm."
    token_key_unknown "The `kid` of the token is no key of its issuer."
        "Get a new token; check the address of the issuer's keys."
    token_signature_invalid "The signature of the token is not right."
        "Check that the token is whole and the key is the issuer's."
    token_expired "The token has expired." "Get a new one."
    token_not_yet_valid "The token is not valid yet." "Check the clocks of the issuer and of this server."
    token_lifetime_too_long "The token is valid for longer than tokens of its issuer may be."
        "Let the issuer give shorter ones."
    token_claim_missing "The token lacks a claim that is needed." "Let the issuer add it; `detail` names it."
    token_claim_type "A claim of the token has the wrong type." "`detail` names the claim and the right type."
    token_audience_wrong "The `aud` of the token does not name this server."
        "Ask the issuer for a token for this server."
    token_party_wrong "The `azp` of the token is no authorized party."
        "Name the party in the configuration of the issuer."
    token_app_unknown "The token is for an app that is not served here, or is switched off."
        "Use a token for an app of this server."
    token_app_wrong "The token is for another app than the one that is asked." "Use a token for this app."
    issuer_key_unusable "A configured public key of the issuer cannot be used."
        "Configure one that fits; `detail` says which."
    identity_unavailable "The token cannot be checked now." "Try again after `Retry-After`; the token may be fine."
    api_key_invalid "There is no such API key." "Check that it is whole, or make one: `campanile api-key create`."
    api_key_expired "The API key has expired." "Make a new one: `campanile api-key create`."
    api_key_revoked "The API key was taken back." "Make a new one: `campanile api-key create`."
    api_key_address "The API key may not be used from this address."
        "Call from an address that it is for, or widen the key."
    origin_not_allowed "A cookie counts only from pages of the server's own host or of an origin that the app names."
        "Add the origin to `allowed_origins` of the app, or send the token in `Authorization`."
    invalid_signature "The delivery is not signed with the secret of an app here."
        "Sign the body as it is, with the app's own secret."
    stale_webhook "The delivery is old, or from the future." "Check the clocks; deliver without delay."
    missing_scope "Whoever calls lacks the scope that this needs." "Use an API key with the scope that `detail` names."
    no_person "This is for people, and a program calls."
        "Name the user in `X-On-Behalf-Of`, with an API key that has the scope `users:act`."
    may_not_act "`X-On-Behalf-Of` came from somebody who may not act for others."
        "Use an API key with the scope `users:act`."
    app_missing "There is no app on this server yet." "Make one: `campanile app create`."
    app_disabled "The app is switched off." "Switch it on: `campanile app enable`."

    blocked "The person is blocked." "Whoever runs the platform can lift the block."
    banned "The person is blocked from this course, class or channel." "A moderator there can lift the block."
    user_deactivated "The account is switched off." "Whoever keeps the roster can switch it on again."
    unknown_user "The roster does not know the person." "Put them into the roster first."
    unknown_channel "No rule covers the channel." "Check its name; an app can have routes of its own for channels."
    object_deleted "What the channel belongs to is not in the roster, or not any more." "Put it into the roster first."
    not_yours "It belongs to somebody else." "Ask about your own only."
    rank "The person has the same rank as whoever asks, or a higher one, or is the one who asks."
        "Ask somebody who stands above them."
    apart "The two may not write to each other alone, or no longer."
        "Students write to staff of their courses; to each other where a course's chat has `dm_policy: everybody`."
    not_enrolled "The person has no part in it." "Enroll them first, or name a place where they are."
    enrollment_inactive "The enrollment is not active." "Whoever keeps the roster can make it active again."
    not_started "The enrollment or the course has not begun." "Come back when it has."
    ended "The enrollment or the course has ended." "Whoever keeps the roster can move the end."
    wrong_class "The enrollment is limited to another class." "Ask about that class."
    course_archived "The course is archived: only staff has access." "Nothing is to be done; it is over."
    wrong_role "The role does not allow it." "Somebody with a greater role can do it."
    silenced "The person is muted, or the chat is closed to them." "Wait until it is over; a moderator can lift it."
    wrong_part "It is for the owner of the group." "Ask the owner."
    muted "The person is muted in this chat." "Wait until it is over; a moderator can lift it."
    programs_only "Only programs may send to this audience."
        "Choose a class, course or org, or let the platform send it."
    no_place "A person may notify others only where both take part." "Name the course or class in which you teach them."

    version_mismatch "The object has another version than the write is for."
        "Read it again, then write over what is there."
    duplicate_enrollment "Another enrollment gives the same person the same part."
        "Change or delete that one; `detail` names it."
    class_cannot_move "A class stays in its course." "Delete it first, or give the new one another id."
    roster_unavailable "The roster cannot be reached now." "Try again after `Retry-After`."
    source_unavailable "What the answer rests on cannot be read now." "Try again after `Retry-After`."
    changes_gone "The changes from there on are not kept any more."
        "Read the lists anew, then follow from the newest change."
    stream_gap "Not all of the stream is kept from there on."
        "Read the state anew, then follow from the position in `stream`."
    too_late "It has gone out already, or was called off."
        "Nothing is to be done; what is planned can be called off in time."
    no_ack "The broadcast asks for no confirmation." "Confirm only those with `require_ack`."
    over "The broadcast is over." "Nothing is to be done."
    too_many_online "As many people are here as the server keeps track of." "Try again after `Retry-After`."

    chat_archived "The chat is archived and takes nothing new." "Write elsewhere, or let a moderator open it again."
    chat_frozen "The chat is frozen: only moderators write." "Wait until it is opened again."
    slow_mode "The chat is in slow mode, and it is too soon for another message."
        "Wait for the seconds in `Retry-After`."
    id_taken "There is a chat with this id." "Choose another id, or change the one that is there."
    message_deleted "The message was deleted." "Nothing is to be done with it."
    edit_window_over "Messages can be changed for a while only, and that is over." "Write a new one."
    word_blocked "The message holds a word that a word list refuses." "Say it in other words; `detail` names the word."
    no_group "The chat is no group: its members are those of its course or class." "Change the roster instead."
    too_many "There are as many of these as there may be." "Remove some first; `detail` names the limit."

    wrong_state "The poll is in a state in which this does not go." "`detail` names the states in which it goes."
    poll_closed "The poll takes no more votes." "Nothing is to be done; its host can open it again."
    already_voted "The vote is cast, and votes of this poll cannot be changed." "Nothing is to be done."
    poll_full "The poll has as many votes as it takes." "Nothing is to be done."
    too_many_open_polls "As many polls are open in this place as there may be." "Close one first."
    too_many_polls "As many polls are kept in this place as there may be." "Archive some first."
    no_suggestions "The poll takes no suggestions." "Choose among its options."
    suggested_enough "The person has suggested as many options as they may." "Choose among the options."
    too_many_voters "More students may vote than an anonymous poll whose votes say so much can take."
        "Let a vote say less (`max` of the settings), or ask a class instead of the course."
    option_exists "The poll has such an option." "Vote for that one."
    guests_not_taken "The poll takes no votes of guests." "Sign in first."
    results_hidden "The results are not for whoever asks, or not yet."
        "Come back when the settings of the poll show them."
    poll_is_anonymous "The votes of the poll are anonymous." "Nothing is to be done: nobody can see who voted what."

    internal "Something went wrong in the server." "Its log says what, under the `request_id` of the answer."
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::access::Reason;

    #[test]
    fn codes_are_distinct_and_each_says_what_it_means_and_what_to_do() {
        let codes: HashSet<_> = KINDS.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), KINDS.len());
        for Kind { code, meaning, remedy } in KINDS {
            for text in [meaning, remedy] {
                assert!(text.ends_with('.') && text.matches('`').count() % 2 == 0, "{code}: {text}");
            }
        }
    }

    #[test]
    fn every_reason_that_refuses_is_a_kind() {
        let refusing = Reason::ALL.iter().skip_while(|reason| **reason != Reason::Blocked);
        for reason in refusing {
            assert!(find(reason.code()).is_some(), "{reason}");
        }
    }
}
