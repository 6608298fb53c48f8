//! Rows of measurements: printed as a table and kept in a JSON file, in the form of
//! `scripts/bench`.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// One measurement next to its goal: less is better.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ours: f64,
    pub(crate) goal: f64,
    pub(crate) unit: &'static str,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.goal / self.ours
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "ours": rounded(self.ours),
            "peer": self.goal,
            "peer_name": "the goal",
            "unit": self.unit,
            "ratio": rounded(self.ratio()),
            "goal": 1.0,
        })
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("\n{:<52} {:>11} {:>11} {:<24}", "measured", "ours", "goal", "unit");
    for row in rows {
        let reached = if row.ratio() >= 1.0 { "reached" } else { "MISSED" };
        let (ours, goal) = (rounded(row.ours), rounded(row.goal));
        println!("{:<52} {ours:>11} {goal:>11} {:<24} {reached}", row.name, row.unit);
    }
}

/// Puts the rows into a file, in place of rows of the same names.
pub(crate) fn save(rows: &[Row], path: &Path) {
    let old = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut all: Vec<Value> = old.unwrap_or_default();
    for row in rows {
        match all.iter_mut().find(|old| old["name"] == row.name) {
            Some(place) => *place = row.json(),
            None => all.push(row.json()),
        }
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(path, serde_json::to_vec_pretty(&all).unwrap()).unwrap();
}

/// Four significant digits: more would claim more than was measured.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || value.abs() >= 10_000.0 {
        return value.round();
    }
    format!("{value:.3e}").parse().unwrap_or(value)
}
