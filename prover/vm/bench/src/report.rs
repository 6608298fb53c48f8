//! Rows of measurements: printed as a table and kept in a JSON file, in the form of
//! `scripts/bench`.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// One measurement of ours, and the same of a peer.
pub(crate) struct Row {
    pub(crate) name: String,
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

pub(crate) fn print(rows: &[Row]) {
    println!(
        "\n{:<52} {:>11} {:>11} {:<38} {:<18} {:>6} {:>6}",
        "measured", "ours", "peer", "peer is", "unit", "ratio", "goal"
    );
    for row in rows {
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
}

/// Puts the rows into a file, in place of rows of the same names.
pub(crate) fn save(rows: &[Row], path: &Path) -> std::io::Result<()> {
    let old = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut all: Vec<Value> = old.unwrap_or_default();
    for row in rows {
        match all.iter_mut().find(|old| old["name"] == row.name) {
            Some(place) => *place = row.json(),
            None => all.push(row.json()),
        }
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_vec_pretty(&all)?)
}

/// Four significant digits: more would claim more than was measured.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || value.abs() >= 10_000.0 {
        return value.round();
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}
