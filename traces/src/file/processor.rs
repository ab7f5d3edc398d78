//! The processor of this machine. A software adapter compiles for it, so that the last bits of its floats depend on it.

use std::{fmt, sync::OnceLock};

use airlock_protocol::processor;
use serde::{Deserialize, Serialize};

/// The instruction set extensions that affect a compiler's output for vectors of floats, by Linux's names.
const VECTOR_FEATURES: &[&str] = &[
    "sse4_1",
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512dq",
    "avx512bw",
    "avx512vl",
    "avx512_fp16",
    "asimd",
    "asimdhp",
    "asimddp",
    "sve",
    "sve2",
];

/// A processor, by the properties that decide a compiler's choice of instructions, without serial number, speed and count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Processor {
    /// Its name with family, model and stepping: `AMD EPYC (family 25, model 17, stepping 1)`. Empty where the system
    /// does not report it.
    pub model: String,
    /// Its vector extensions, of those in `VECTOR_FEATURES`.
    pub features: Vec<String>,
}

impl Processor {
    /// This machine's. Read once: a confined process calls this before it confines itself.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Processor> = OnceLock::new();
        HERE.get_or_init(|| Self::parse(&processor::list()))
    }

    fn parse(cpuinfo: &str) -> Self {
        let first = cpuinfo.split("\n\n").next().unwrap_or_default();
        let field = |name: &str| {
            let fields = first.lines().filter_map(|line| line.split_once(':'));
            fields.into_iter().find(|(key, _)| key.trim() == name).map_or("", |(_, value)| value.trim())
        };
        let named = |parts: &[(&str, &str)]| {
            let known = parts.iter().filter(|(_, value)| !value.is_empty());
            known.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
        };
        // x86 has a name; 64-bit Arm has numbers only.
        let (name, numbers) = match field("model name") {
            "" => (
                "",
                named(&[
                    ("implementer", field("CPU implementer")),
                    ("part", field("CPU part")),
                    ("revision", field("CPU revision")),
                ]),
            ),
            name => (
                name,
                named(&[("family", field("cpu family")), ("model", field("model")), ("stepping", field("stepping"))]),
            ),
        };
        let model = match (name, numbers.as_str()) {
            (name, "") => name.to_owned(),
            ("", numbers) => numbers.to_owned(),
            (name, numbers) => format!("{name} ({numbers})"),
        };
        let flags: Vec<_> = [field("flags"), field("Features")].iter().flat_map(|flags| flags.split(' ')).collect();
        let has = |feature: &&&str| flags.contains(*feature);
        Self { model, features: VECTOR_FEATURES.iter().filter(has).map(|&feature| feature.to_owned()).collect() }
    }

    /// A name for files: letters, digits and dashes.
    pub fn slug(&self) -> String {
        let words = self.model.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
        slug.truncate(64);
        if slug.is_empty() { "unknown".to_owned() } else { slug }
    }

    /// True where the system reports nothing.
    pub fn is_unknown(&self) -> bool {
        self.model.is_empty() && self.features.is_empty()
    }
}

impl fmt::Display for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = if self.model.is_empty() { "a processor without a name" } else { &self.model };
        match self.features.as_slice() {
            [] => f.write_str(model),
            features => write!(f, "{model}, {}", features.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_told_by_model_and_vectors() {
        let x86 = "processor\t: 0\nvendor_id\t: X\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: X 9000\nstepping\t: 1\n\
                   flags\t\t: fpu sse4_1 avx fma rdtscp avx2\n\nprocessor\t: 1\nmodel name\t: Y\n";
        let processor = Processor::parse(x86);
        assert_eq!(processor.to_string(), "X 9000 (family 25, model 17, stepping 1), sse4_1 avx avx2 fma");
        let arm = "processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n";
        assert_eq!(Processor::parse(arm).to_string(), "implementer 0x41, part 0xd40, asimd sve");
        assert!(Processor::parse("").is_unknown() && !processor.is_unknown());
    }
}
