//! What the documents say can be followed: links lead somewhere, rules that code cites are defined,
//! tests that are named exist.
//!
//! In: all text files of the repository. It asks no network, and judges no content.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold what others wrote, or what was built.
const FOREIGN: [&str; 6] = ["node_modules", "target", "out", "cache", "corpus", "artifacts"];
/// What ends the names of files in which rules are cited.
const TEXTS: [&str; 6] = ["rs", "sol", "md", "toml", "json", "js"];
/// The specification, of which each rule begins a line in this way.
const PROTOCOL: &str = "state/PROTOCOL.md";
const RULE: &str = "- **";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder that are ours and end so.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_symlink() || name.starts_with('.') || FOREIGN.contains(&name) {
                continue;
            }
            let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if endings.contains(&ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Text and target of each link.
fn links(markdown: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once("](") {
        let text = before.rsplit_once('[').map_or("", |(_, text)| text);
        let target = after.split_once(')').map_or("", |(target, _)| target);
        found.push((text, target));
        rest = after;
    }
    found
}

/// The name by which a link reaches a heading.
fn anchor(heading: &str) -> String {
    let kept = |it: char| it.is_alphanumeric() || it == '-' || it == '_' || it == ' ';
    let text: String = heading.to_lowercase().chars().filter(|it| kept(*it)).collect();
    text.trim().replace(' ', "-")
}

fn has_anchor(markdown: &str, wanted: &str) -> bool {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|it| it == wanted)
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut wrong = Vec::new();
    for path in files(&root(), &["md"]) {
        let markdown = fs::read_to_string(&path).unwrap();
        for (_, target) in links(&markdown) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let to = path.parent().unwrap().join(file);
            let to = if file.is_empty() { path.clone() } else { to };
            let is_there = match heading {
                "" => to.exists(),
                _ => fs::read_to_string(&to).is_ok_and(|text| has_anchor(&text, heading)),
            };
            if !is_there {
                wrong.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links to nowhere:\n{}", wrong.join("\n"));
}

/// A link whose text is the name of a function leads to the file that has it.
#[test]
fn functions_that_are_named_exist() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files(&root(), &["md"]) {
        let markdown = fs::read_to_string(&path).unwrap();
        for (text, target) in links(&markdown) {
            let name = text.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
            let Some(name) =
                name.filter(|it| it.chars().all(|it| it.is_alphanumeric() || it == '_'))
            else {
                continue;
            };
            let source = fs::read_to_string(path.parent().unwrap().join(target));
            let keyword = if target.ends_with(".sol") { "function" } else { "fn" };
            let definition = format!("{keyword} {name}(");
            count += 1;
            if !source.is_ok_and(|source| source.contains(&definition)) {
                wrong.push(format!("{}: {name} in {target}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "functions that do not exist:\n{}", wrong.join("\n"));
    assert!(count > 100, "{count} functions are named, expected the tables of SAFETY.md");
}

/// The ids that a text defines, each once.
fn defined(protocol: &str) -> BTreeSet<&str> {
    let mut ids = BTreeSet::new();
    for line in protocol.lines() {
        let id = line.strip_prefix(RULE).and_then(|it| it.split_once("**")).map(|(id, _)| id);
        if let Some(id) = id.filter(|it| is_id(it)) {
            assert!(ids.insert(id), "{id} is defined twice");
        }
    }
    ids
}

/// `WORD-NUMBER`.
fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(word, number)| {
        let is_word = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit();
        word.starts_with(|it: char| it.is_ascii_uppercase())
            && word.chars().all(is_word)
            && !number.is_empty()
            && number.chars().all(|it| it.is_ascii_digit())
    })
}

/// All ids in a text, whatever they are ids of.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-';
    text.split(move |it| !is_part(it)).filter(|it| is_id(it))
}

#[test]
fn rules_that_are_cited_are_defined() {
    let protocol = fs::read_to_string(root().join(PROTOCOL)).unwrap();
    let defined = defined(&protocol);
    let words: BTreeSet<&str> =
        defined.iter().filter_map(|it| it.split_once('-')).map(|it| it.0).collect();
    let mut wrong = Vec::new();
    let mut cited = BTreeSet::new();
    for path in files(&root(), &TEXTS) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let is_about_rules = path.ends_with(PROTOCOL) || path.ends_with("prover/SAFETY.md");
        for line in text.lines() {
            let citation = line.split_once("PROTOCOL.md").map(|(_, rest)| rest);
            let Some(part) = citation.or(is_about_rules.then_some(line)) else { continue };
            for id in ids(part) {
                let is_ours = id.split_once('-').is_some_and(|(word, _)| words.contains(word));
                if is_ours && !defined.contains(id) {
                    wrong.push(format!("{}: {id}", path.display()));
                }
                let is_code = path.extension().is_some_and(|it| it != "md");
                if is_code && defined.contains(id) {
                    cited.insert(id.to_owned());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "rules that PROTOCOL.md does not define:\n{}", wrong.join("\n"));
    assert!(!cited.is_empty(), "no code cites a rule");
    println!("{} rules, {} of them cited by code", defined.len(), cited.len());
}

#[test]
fn the_checks_see_what_they_look_for() {
    let text = "see [a](b.md#c-d) and [`f_1`](e.rs)\n# C, d!";
    assert_eq!(links(text), [("a", "b.md#c-d"), ("`f_1`", "e.rs")]);
    assert!(has_anchor(text, "c-d"));
    assert_eq!(
        ids("x BATCH-2, EIP-155; BATCH-x P256-").collect::<Vec<_>>(),
        ["BATCH-2", "EIP-155"]
    );
    assert_eq!(defined("- **BATCH-2** one\n**L1-1** none\n"), BTreeSet::from(["BATCH-2"]));
}
