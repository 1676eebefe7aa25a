//! What the load client printed.

use serde_json::Value as Json;

use crate::failure::{During, Failure};

/// Figures by subject and name, and the points of the series.
#[derive(Debug)]
pub(super) struct Figures(Json);

/// Where the service keeps its state, and the skeleton beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    Durable,
}

impl Place {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Memory, Self::Durable];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Durable => "durable",
        }
    }
}

impl Figures {
    pub(super) fn read(text: &[u8]) -> Result<Self, Failure> {
        let document: Json = serde_json::from_slice(text).during(|| "what was measured".to_owned())?;
        match document["figures"].is_array() && document["points"].is_array() {
            true => Ok(Self(document)),
            false => Err(Failure::new("what was measured has no figures and points: was it written by --output?")),
        }
    }

    /// A figure of the service.
    pub(super) fn of(&self, place: Place, name: &str) -> Option<f64> {
        self.value(place.name(), name)
    }

    /// The same figure of the skeleton.
    pub(super) fn skeleton(&self, place: Place, name: &str) -> Option<f64> {
        self.value(&format!("skeleton-{}", place.name()), name)
    }

    /// A figure of the machine itself.
    pub(super) fn machine(&self, name: &str) -> Option<f64> {
        self.value("machine", name)
    }

    fn value(&self, subject: &str, name: &str) -> Option<f64> {
        let mut figures = self.0["figures"].as_array()?.iter();
        figures.find(|figure| figure["subject"] == subject && figure["name"] == name)?["value"].as_f64()
    }

    /// A value over the points of a series, where it was measured.
    pub(super) fn series(&self, series: &str, place: Place, value: &str) -> Vec<(f64, f64)> {
        let points = self.0["points"].as_array().into_iter().flatten();
        let wanted = points.filter(|point| point["series"] == series && point["subject"] == place.name());
        wanted.filter_map(|point| Some((point["x"].as_f64()?, point[value].as_f64()?))).collect()
    }

    /// `date`, or something about the machine; empty where it is unknown.
    pub(super) fn fact(&self, name: &str) -> String {
        let fact = if name == "date" { &self.0["date"] } else { &self.0["machine"][name] };
        match fact {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// What is to be known about these figures.
    pub(super) fn notes(&self) -> impl Iterator<Item = &str> {
        self.0["notes"].as_array().into_iter().flatten().filter_map(Json::as_str)
    }
}
