//! What is taken away: all ballots of a round and what they come to.

use super::{Acting, Error, NamedBallot, Page, Polls, Result};
use crate::{
    domain::{
        access::capability::Capability,
        poll::{Answer, Ballot, Poll, Results, State, Viewer, tally},
    },
    ids::ExternalId,
    services::spreadsheet::inert,
};

/// Ballots that are read at once.
const PAGE: u32 = 500;

/// A poll with everything that may be taken away of it.
#[derive(Debug)]
pub struct Export {
    /// The poll.
    pub poll: Poll,
    /// What the ballots come to.
    pub results: Results,
    /// The ballots with names; empty for an anonymous poll.
    pub named: Vec<NamedBallot>,
    /// The ballots of an anonymous poll, in no order. Only once it is closed: before, two exports would tell who voted in
    /// between. Empty while there are too few.
    pub nameless: Vec<Ballot>,
}

impl Polls {
    /// Exports a round; the present one when none is named.
    ///
    /// # Errors
    /// When there is no such poll or round for the caller, or they may not see who voted what.
    pub async fn export(&self, by: Acting<'_>, id: &ExternalId, round: Option<u32>) -> Result<Export> {
        let (poll, part) = self.hosted(by, id).await?;
        part.must(Capability::AllResults)?;
        let round = round.unwrap_or(poll.round);
        if round > poll.round || (round == 0 && poll.round > 0) {
            return Err(Error::NotFound);
        }
        let (counted, total) = self.store.poll_counted(by.app(), &poll, round).await?;
        let results = tally(&poll.content, &counted, (round, total));
        let is_withheld = poll.withholds_from(Viewer::Host, total);
        let is_over = matches!(poll.state, State::Closed | State::Archived) || round < poll.round;
        let mut export = Export { poll, results, named: Vec::new(), nameless: Vec::new() };
        if is_withheld {
            export.results = export.results.withheld();
            return Ok(export);
        }
        let is_anonymous = export.poll.is_anonymous();
        if is_anonymous && !is_over {
            return Ok(export);
        }
        if !is_anonymous {
            self.note_reading(by, (&export.poll, &part)).await?;
        }
        let mut after = None;
        loop {
            let page = Page { after, limit: PAGE };
            let some = self.store.poll_ballots(by.app(), (&export.poll, round), &page).await?;
            let Some(last) = some.last() else { return Ok(export) };
            after = Some(last.id.clone());
            if is_anonymous {
                export.nameless.extend(some);
            } else {
                export.named.extend(self.named(by.app(), some).await?);
            }
        }
    }
}

impl Export {
    /// The ballots as CSV with a head, for spreadsheets: no text of a person is a formula there.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut sheet = csv::Writer::from_writer(Vec::new());
        let head = ["poll_id", "round", "user_id", "name", "answer", "cast_at", "revision"];
        let rows = self.named.iter().map(|named| {
            let name = named.name.as_deref().unwrap_or_default();
            (&named.ballot, inert(named.user.as_str()), inert(name))
        });
        let rows = rows.chain(self.nameless.iter().map(|ballot| (ballot, String::new(), String::new())));
        let _in_memory = sheet.write_record(head);
        for (ballot, user, name) in rows {
            let time = ballot.cast_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
            let _in_memory = sheet.write_record([
                ballot.poll.to_string(),
                ballot.round.to_string(),
                user,
                name,
                self.answer(ballot),
                time.unwrap_or_default(),
                ballot.revision.to_string(),
            ]);
        }
        let bytes = sheet.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// A vote as people read it.
    fn answer(&self, ballot: &Ballot) -> String {
        let label = |id: &_| {
            let found = self.poll.content.options.iter().find(|option| option.id == *id);
            found.map_or_else(String::new, |option| option.label.clone())
        };
        match &ballot.answer {
            Answer::Options(ids) => inert(&ids.iter().map(label).collect::<Vec<_>>().join("; ")),
            Answer::Ranking(ids) => inert(&ids.iter().map(label).collect::<Vec<_>>().join(" > ")),
            Answer::Value(value) => value.to_string(),
            Answer::Texts(texts) => inert(&texts.join(", ")),
        }
    }
}
