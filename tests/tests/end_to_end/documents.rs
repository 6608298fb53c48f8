//! What the documents say can be followed: links lead somewhere, rules are defined and kept by code
//! that cites them, tests that are named exist, and the runbook names every flag, metric and alarm.
//!
//! In: all text files of the repository, and what our programs say of themselves. It asks no
//! network, and judges no content.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use gainsay_challenger::watch::{AlarmKind, Metrics, listen};
use gainsay_tests::{challenger_binary, http_client};

/// Folders that hold what others wrote, or what was built.
const FOREIGN: [&str; 6] = ["node_modules", "target", "out", "cache", "corpus", "artifacts"];
/// What ends the names of files in which rules are cited.
const TEXTS: [&str; 6] = ["rs", "sol", "md", "toml", "json", "js"];
/// The specification, of which each rule begins a line in this way.
const PROTOCOL: &str = "state/PROTOCOL.md";
const RULE: &str = "- **";
/// Rules about how to read the specification: nothing keeps them.
const NOTATION: &str = "NOTE-";
/// The runbook, and its heading under which the flags are listed, a section a command.
const RUNBOOK: &str = "sequencer/OPERATE.md";
const FLAGS: &str = "## All flags";

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
fn rules_are_defined_and_cited() {
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
    let is_kept = |id: &&&str| id.starts_with(NOTATION) || cited.contains(**id);
    let forgotten: Vec<_> = defined.iter().filter(|id| !is_kept(id)).collect();
    assert!(forgotten.is_empty(), "rules that no code cites: {forgotten:?}");
}

fn runbook() -> String {
    fs::read_to_string(root().join(RUNBOOK)).unwrap()
}

/// What one of our programs says of itself.
fn help(program: &str, arguments: &[&str]) -> String {
    let binary = challenger_binary().with_file_name(program);
    let output = Command::new(&binary).args(arguments).arg("--help").output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    assert!(output.status.success(), "{program} {arguments:?} --help failed");
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that a help text lists, with what it says of each.
fn subcommands(help: &str) -> Vec<(&str, &str)> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = lines.take_while(|line| !line.is_empty());
    let rows = rows.filter_map(|line| line.trim_start().split_once(' '));
    rows.map(|(name, text)| (name, text.trim())).filter(|(name, _)| *name != "help").collect()
}

/// The flags that begin a line of a help text, or a row of a table.
fn flags<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let is_mark = |it: char| it == ' ' || it == '|' || it == '`';
    let words = lines.filter_map(|line| line.trim_start_matches(is_mark).split(is_mark).next());
    let is_flag = |it: &&str| it.starts_with("--") && *it != "--help" && *it != "--version";
    words.filter(is_flag).map(str::to_owned).collect()
}

#[test]
fn every_flag_of_every_command_is_in_the_runbook() {
    let runbook = runbook();
    let (_, part) = runbook.split_once(FLAGS).unwrap();
    let sections = part.split("\n### ").skip(1).map(|section| {
        let heading = section.lines().next().unwrap().trim_matches('`');
        (heading.to_owned(), flags(section.lines().filter(|line| line.starts_with("| `"))))
    });
    let mut expected = BTreeMap::new();
    for program in ["gainsay", "gainsay-challenger", "gainsay-drill"] {
        for (name, _) in subcommands(&help(program, &[])) {
            let options = flags(help(program, &[name]).lines());
            expected.insert(format!("{program} {name}"), options);
        }
    }
    assert!(expected.len() > 10, "{} commands were found", expected.len());
    assert_eq!(sections.collect::<BTreeMap<_, _>>(), expected, "flags in {RUNBOOK}");
}

#[tokio::test]
async fn every_metric_and_alarm_is_in_the_runbook() {
    let runbook = runbook();
    for kind in AlarmKind::ALL {
        let row = format!("| `{}` |", kind.name());
        assert!(runbook.contains(&row), "the table of alarms has no {}", kind.name());
    }
    let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Metrics::default().serve(listener));
    let answer = http_client().get(format!("http://{address}/metrics")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE gainsay_challenger_"));
    let names: Vec<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 15, "{} metrics were found", names.len());
    for name in names {
        let is_named = [format!("`{name}`"), format!("`{name}{{")];
        let is_named = is_named.iter().any(|it| runbook.contains(it));
        assert!(is_named, "the table of metrics has no {name}");
    }
}

/// The help of a command is the whole text above its arguments, not the first line of it.
#[test]
fn help_tells_what_the_list_of_commands_has_no_room_for() {
    for (program, name, phrase) in [
        ("gainsay", "deploy", "GAINSAY_DEPLOYER_KEY"),
        ("gainsay", "deposit", "Without --to the ether goes to the key's own address"),
        ("gainsay", "force-include", "The key only pays for L1 gas"),
        ("gainsay", "withdraw", "It may be stopped at any time: --resume goes on"),
        ("gainsay", "relay", "GAINSAY_RELAYER_KEY"),
        ("gainsay-challenger", "watch", "With --watch-only it needs no key and no program"),
        ("gainsay-challenger", "replay", "Exit code: 0 if every claim seen is right"),
        ("gainsay-challenger", "prove", "Exit code: 0 if its claim is that of the chain"),
        ("gainsay-challenger", "step", "With --l1-rpc the chain's own StepVerifier is asked"),
        ("gainsay-challenger", "vm", "What the program writes goes to the standard output"),
        ("gainsay-drill", "drill", "Names: the faults first-block"),
    ] {
        let list = help(program, &[]);
        let (_, short) = *subcommands(&list).iter().find(|(it, _)| *it == name).unwrap();
        let long = help(program, &[name]).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(long.starts_with(short), "{program} {name}: {short}");
        assert!(long.contains(phrase), "{program} {name} --help does not say '{phrase}'");
    }
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
    let help =
        "A.\n\nCommands:\n  one  First\n  help  Print\n\nOptions:\n      --a-b <N>\n  -h, --help\n";
    assert_eq!(subcommands(help), [("one", "First")]);
    assert_eq!(flags(help.lines()), BTreeSet::from(["--a-b".to_owned()]));
    assert_eq!(flags("| `--c FILE` | x |".lines()), BTreeSet::from(["--c".to_owned()]));
}
