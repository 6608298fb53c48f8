//! Rows of measurements: printed as a table, kept in `bench.json`.
//!
//! In: [`Row`]s. Out: a table with ratios, and the file, in which a row replaces the row of the
//! same name of an earlier run, so that parts may be measured apart.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// One measurement of ours, and the same of a peer.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    pub(crate) peer_name: &'static str,
    pub(crate) unit: &'static str,
    /// Whether a smaller figure is the better one: the ratio is then the peer's by ours.
    pub(crate) less_is_better: bool,
    /// Reached when the ratio is this or more.
    pub(crate) goal: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        if self.less_is_better { self.peer / self.ours } else { self.ours / self.peer }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "ours": rounded(self.ours),
            "peer": rounded(self.peer),
            "peer_name": self.peer_name,
            "unit": self.unit,
            "ratio": rounded(self.ratio()),
            "goal": self.goal,
        })
    }
}

/// All rows of a run, and remarks that are no rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// A line to print below the table.
    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{:<52} {:>11} {:>11} {:<38} {:<18} {:>6} {:>6}",
            "measured", "ours", "peer", "peer is", "unit", "ratio", "goal"
        );
        for row in &self.rows {
            let reached = if row.ratio() >= row.goal { "reached" } else { "MISSED" };
            println!(
                "{:<52} {:>11} {:>11} {:<38} {:<18} {:>6.2} {:>6.2} {reached}",
                row.name,
                rounded(row.ours),
                rounded(row.peer),
                row.peer_name,
                row.unit,
                row.ratio(),
                row.goal,
            );
        }
        println!();
        for note in &self.notes {
            println!("{note}");
        }
    }

    pub(crate) fn save(&self) {
        let path = file();
        let old = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut rows: Vec<Value> = old.unwrap_or_default();
        for row in &self.rows {
            match rows.iter_mut().find(|it| it["name"] == row.name) {
                Some(place) => *place = row.json(),
                None => rows.push(row.json()),
            }
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, serde_json::to_vec_pretty(&rows).unwrap()).unwrap();
        println!("written to {}", path.display());
    }
}

/// `target/bench.json` of the repository, wherever the build cache is.
fn file() -> PathBuf {
    gainsay_tests::in_repository("target").join("bench.json")
}

/// Four significant digits: more would claim more than was measured.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || value.abs() >= 10_000.0 {
        return value.round();
    }
    format!("{value:.3e}").parse().unwrap_or(value)
}
