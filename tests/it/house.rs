//! The floors of the house: which room may use which, and what files look like. The map stands at the head of `src/lib.rs`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Rooms on the same floor do not see each other unless the table says so.
struct Room {
    name: &'static str,
    /// Rooms it may use; `*` = all.
    rooms: &'static str,
    /// Outside crates it may use.
    crates: &'static str,
}

const fn room(name: &'static str, rooms: &'static str, crates: &'static str) -> Room {
    Room { name, rooms, crates }
}

/// The house as it stands in `src/lib.rs`, with the outside crates of each room. Files of the roof may use everything.
const HOUSE: &[Room] = &[
    // Floor 0: words. No I/O, no async.
    room("ids", "", "thiserror"),
    room("domain", "ids", "aho_corasick chrono strsim thiserror unicode_normalization"),
    room("protocol", "ids domain", "chrono hex hmac md5 serde serde_json sha2 thiserror url"),
    room("dialect", "ids domain protocol", "chrono serde serde_json"),
    room("metrics", "ids", "parking_lot prometheus"),
    // Floor 1: engines.
    room("hub", "ids domain protocol metrics", "bytes foldhash lru parking_lot thiserror"),
    room("throttle", "ids domain protocol metrics", "foldhash governor parking_lot thiserror"),
    room("store", "ids domain protocol metrics", "chrono entity migration sea_orm serde_json thiserror tracing"),
    room(
        "outbound",
        "ids domain protocol metrics",
        "bytes http_body_util hyper hyper_util ipnet rustls thiserror tokio tokio_rustls url webpki_roots",
    ),
    room(
        "identity",
        "ids domain protocol metrics outbound",
        "base64 chrono jsonwebtoken parking_lot ring serde serde_json thiserror tokio tracing",
    ),
    // Floor 2: services.
    room(
        "services",
        "ids domain protocol dialect metrics hub throttle store identity",
        "base64 chrono csv foldhash getrandom ipnet lru parking_lot serde_json sha2 subtle thiserror tokio tracing ulid url",
    ),
    // Floor 3: doors.
    room(
        "api",
        "ids domain protocol dialect metrics services hub throttle",
        "base64 bytes chrono futures_util getrandom hex http_body_util hyper poem poem_openapi serde serde_json serde_path_to_error sha2 thiserror tokio tokio_util tracing url",
    ),
    room(
        "ws",
        "ids domain protocol metrics services hub throttle",
        "bytes chrono getrandom hyper serde_json tokio tokio_tungstenite url",
    ),
    // The roof.
    room("config", "*", "*"),
    room("cli", "*", "*"),
    room("command", "*", "*"),
    room("server", "*", "*"),
    room("telemetry", "*", "*"),
    room("bench", "*", "*"),
    room("main", "*", "*"),
    room("lib", "*", "*"),
];

/// What unit tests may use anywhere.
const DEV_CRATES: &str =
    "chrono futures_util insta parking_lot proptest rcgen reqwest serde_json tempfile tokio tracing_subscriber";

/// Crates of one room alone; not even the roof says their names.
const OWNED: &[(&str, &str)] = &[("sea_orm", "store"), ("entity", "store"), ("migration", "store")];

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// The room that the file belongs to.
    fn room(&self) -> &str {
        let inner = self.path.strip_prefix(source()).unwrap();
        let first = inner.components().next().unwrap().as_os_str().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }

    /// The code without comments and texts, and what of it is a unit test's.
    fn code(&self) -> (String, String) {
        let code = strip(&self.text);
        if self.is_test() {
            return (String::new(), code);
        }
        match code.find("#[cfg(test)]\nmod tests {") {
            Some(position) => (code[..position].to_owned(), code[position..].to_owned()),
            None => (code, String::new()),
        }
    }

    fn name(&self) -> String {
        self.path.strip_prefix(source()).unwrap().display().to_string()
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files() -> Vec<File> {
    files_below(source())
}

fn files_below(folder: PathBuf) -> Vec<File> {
    let (mut folders, mut files) = (vec![folder], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(File { text: fs::read_to_string(&path).unwrap(), path });
            }
        }
    }
    assert!(files.len() > 50, "the source is found");
    files
}

/// Blanks comments, texts and characters out. Line ends stay.
fn strip(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest, out.chars().next_back());
        if skipped > 0 {
            out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            out.push(' ');
            rest = &rest[skipped..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Length of the comment, text or character that `rest` begins with; 0 when it begins with code.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let end =
        |pattern: &str, from: usize| rest[from..].find(pattern).map_or(rest.len(), |at| from + at + pattern.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return end("*/", 2);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#") || rest.starts_with("br")) {
        let marks = rest.trim_start_matches('b').trim_start_matches('r');
        let hashes = marks.len() - marks.trim_start_matches('#').len();
        if marks[hashes..].starts_with('"') {
            let start = rest.len() - marks.len() + hashes + 1;
            return end(&format!("\"{}", "#".repeat(hashes)), start);
        }
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    // A lifetime has no second quote behind one character.
    let mut chars = rest.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => quoted(rest, '\''),
        (Some('\''), Some(inner), Some('\'')) => 2 + inner.len_utf8(),
        _ => 0,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return position + 1,
            _ => {}
        }
    }
    rest.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// First words of all paths: behind `crate::` the rooms, else what may be an outside crate.
fn used(code: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut rooms, mut crates) = (BTreeSet::new(), BTreeSet::new());
    for (position, _) in code.match_indices("::") {
        let before = &code[..position];
        let word = &before[before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1)..];
        let head = &before[..before.len() - word.len()];
        if word == "crate" {
            rooms.extend(first_words(&code[position + 2..]));
        } else if !word.is_empty() && !head.ends_with("::") && !head.ends_with('$') {
            crates.insert(word.to_owned());
        }
    }
    (rooms, crates)
}

/// The word that follows, or the first word of each entry of the braces that follow.
fn first_words(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| is_word(*c)).collect::<String>();
    let Some(list) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut words, mut start) = (0_usize, Vec::new(), true);
    for (position, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if depth == 0 && start && is_word(c) => {
                words.push(word(&list[position..]));
                start = false;
            }
            _ => {}
        }
    }
    words
}

/// Outside crates by the names that code uses.
fn outside() -> BTreeSet<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut crates = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let (true, Some((name, _))) = (section.ends_with("dependencies]"), line.split_once(" = ")) {
            crates.insert(if name == "md-5" { "md5".to_owned() } else { name.replace('-', "_") });
        }
    }
    assert!(crates.contains("tokio") && crates.contains("proptest"));
    crates
}

/// Modules of the file, which may be called like a crate.
fn modules(code: &str) -> BTreeSet<&str> {
    code.match_indices("mod ").filter_map(|(position, _)| code[position + 4..].split([';', ' ']).next()).collect()
}

fn allows(list: &str, name: &str) -> bool {
    list == "*" || list.split(' ').any(|entry| entry == name)
}

/// Rooms and outside crates that a piece of code uses, its own room left out.
fn edges(file: &File, code: &str, outside: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut rooms, mut crates) = used(code);
    rooms.retain(|used| used != file.room() && HOUSE.iter().any(|room| room.name == used));
    let modules = modules(code);
    crates.retain(|used| outside.contains(used) && !modules.contains(used.as_str()));
    (rooms, crates)
}

/// Edges of a piece of code that the table does not know.
fn strangers(file: &File, (rooms, crates): &(BTreeSet<String>, BTreeSet<String>), extra: &str) -> Vec<String> {
    let name = file.room();
    let Some(room) = HOUSE.iter().find(|room| room.name == name) else {
        return vec![format!("{}: the room '{name}' is not in the table", file.name())];
    };
    let bad_rooms = rooms
        .iter()
        .filter(|used| !allows(room.rooms, used))
        .map(|used| format!("{}: '{name}' must not use the room '{used}'", file.name()));
    let bad_crates = crates
        .iter()
        .filter(|used| !allows(room.crates, used) && !allows(extra, used))
        .map(|used| format!("{}: '{name}' must not use '{used}'", file.name()));
    let bad_owners = OWNED
        .iter()
        .filter(|(word, owner)| crates.contains(*word) && *owner != name)
        .map(|(word, owner)| format!("{}: only '{owner}' says '{word}'", file.name()));
    bad_rooms.chain(bad_crates).chain(bad_owners).collect()
}

#[test]
fn each_room_uses_only_what_its_floor_allows() {
    let outside = outside();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in &files() {
        let (code, tests) = file.code();
        let of_code = edges(file, &code, &outside);
        found.extend(strangers(file, &of_code, ""));
        found.extend(strangers(file, &edges(file, &tests, &outside), DEV_CRATES));
        seen.extend(of_code.1.into_iter().map(|used| format!("{} {used}", file.room())));
    }
    for room in HOUSE.iter().filter(|room| !["*", ""].contains(&room.crates)) {
        let unused = room.crates.split(' ').filter(|granted| !seen.contains(&format!("{} {granted}", room.name)));
        found.extend(unused.map(|granted| format!("'{}' is granted '{granted}' and does not use it", room.name)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_two_doors_do_not_use_each_other() {
    for (door, other) in [("api", "ws"), ("ws", "api")] {
        let room = HOUSE.iter().find(|room| room.name == door).unwrap();
        assert!(!allows(room.rooms, other));
    }
}

#[test]
fn every_file_has_a_head_a_bearable_length_and_a_name_that_says_something() {
    let mut found = Vec::new();
    let tests = files_below(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    for file in files().iter().chain(&tests) {
        let (name, lines) = (file.path.display(), file.text.lines().count());
        if !file.text.starts_with("//! ") {
            found.push(format!("{name}: no head"));
        }
        if lines > 500 {
            found.push(format!("{name}: {lines} lines"));
        }
        let stem = file.path.file_stem().unwrap().to_str().unwrap();
        if ["mod", "utils", "util", "helpers", "helper", "common", "misc"].contains(&stem) {
            found.push(format!("{name}: a name that says nothing"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_map_names_every_room_and_no_other() {
    let lib = fs::read_to_string(source().join("lib.rs")).unwrap();
    let table: String = lib.lines().filter(|line| line.starts_with("//! | ")).collect();
    let rooms: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let known: BTreeSet<&str> =
        HOUSE.iter().map(|room| room.name).filter(|name| !["main", "lib"].contains(name)).collect();
    assert_eq!(rooms, known, "lib.rs and the table of this test name the same rooms");
    for room in rooms {
        let named = table.contains(&format!("[`{room}`]"));
        assert!(named, "the map at the head of lib.rs does not name '{room}'");
    }
}

#[test]
fn code_is_told_from_comments_and_texts() {
    let text =
        "use crate::{a::{b, c}, d}; // crate::x\nlet s = \"crate::y\"; let c = '\"'; r#\"crate::z\"# tokio::f::<'a>()";
    let (rooms, crates) = used(&strip(text));
    assert_eq!(rooms.into_iter().collect::<Vec<_>>(), ["a", "d"]);
    assert!(crates.contains("tokio") && !crates.contains("s"));
}
