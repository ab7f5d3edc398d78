//! The place of a replay: the machine of the recording, one whose processor rounds otherwise, or another adapter.

use airlock_protocol::commands::adapter::AdapterInfo;

use crate::file::processor::Processor;

/// The place of a replay; later ones permit more differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The recorded adapter and driver, and for a software adapter the recorded processor: every bit is the same.
    #[default]
    Recorded,
    /// The recorded software adapter, for which the trace names no processor.
    UnknownProcessor,
    /// The recorded software adapter, which has compiled for another processor.
    AnotherProcessor,
    /// Another adapter, or another driver.
    AnotherAdapter,
    /// One of the two adapters executes nothing.
    Noop,
}

impl Place {
    /// Compares the adapters of both runs. The processor is the recorded one.
    pub fn of(recorded: &AdapterInfo, found: &AdapterInfo, processor: Option<&Processor>) -> Self {
        let is_noop = |info: &AdapterInfo| info.backend == "noop";
        if is_noop(recorded) != is_noop(found) {
            return Place::Noop;
        }
        if recorded == found {
            return match processor {
                _ if !found.is_fallback_adapter || is_noop(found) => Place::Recorded,
                Some(processor) if processor == Processor::here() => Place::Recorded,
                Some(_) => Place::AnotherProcessor,
                None => Place::UnknownProcessor,
            };
        }
        let is_software = recorded.is_fallback_adapter && found.is_fallback_adapter;
        if is_software && without_width(recorded) == without_width(found) {
            return Place::AnotherProcessor;
        }
        Place::AnotherAdapter
    }

    /// The reason for permitted differences.
    pub fn excuse(self) -> &'static str {
        match self {
            // The same machine, described by another version.
            Place::Recorded => "another version recorded the trace",
            Place::UnknownProcessor => "the trace does not name the processor that it was recorded on",
            Place::AnotherProcessor => "another processor rounds otherwise",
            Place::AnotherAdapter => "another adapter or driver answers",
            Place::Noop => "the noop adapter executes nothing",
        }
    }
}

/// A software adapter's info without the processor's properties: the width of vectors at the end of its name (`llvmpipe
/// (LLVM 15.0.6, 256 bits)`), and the sizes of subgroups, which follow from it.
fn without_width(info: &AdapterInfo) -> AdapterInfo {
    let name = info.description.strip_suffix(" bits)").and_then(|name| name.rsplit_once(", "));
    let is_number = |width: &str| !width.is_empty() && width.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.filter(|(_, width)| is_number(width)).map(|(name, _)| name.to_owned());
    let description = name.unwrap_or_else(|| info.description.clone());
    AdapterInfo { description, subgroup_min_size: 0, subgroup_max_size: 0, ..info.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(description: &str, is_fallback_adapter: bool, driver_info: &str) -> AdapterInfo {
        let (description, driver_info) = (description.to_owned(), driver_info.to_owned());
        AdapterInfo { description, is_fallback_adapter, driver_info, ..AdapterInfo::default() }
    }

    #[test]
    fn processors_and_adapters_are_told_apart() {
        let wide = adapter("llvmpipe (LLVM 15, 256 bits)", true, "1");
        let narrow = AdapterInfo { subgroup_min_size: 4, ..adapter("llvmpipe (LLVM 15, 128 bits)", true, "1") };
        let other = Processor { model: "another".to_owned(), features: Vec::new() };
        let place = |a: &AdapterInfo, b: &AdapterInfo, processor| Place::of(a, b, processor);
        assert_eq!(place(&wide, &wide, Some(Processor::here())), Place::Recorded);
        assert_eq!(place(&wide, &wide, Some(&other)), Place::AnotherProcessor);
        assert_eq!(place(&wide, &wide, None), Place::UnknownProcessor);
        assert_eq!(place(&wide, &narrow, Some(Processor::here())), Place::AnotherProcessor);
        assert_eq!(place(&wide, &adapter("llvmpipe (LLVM 15, 128 bits)", true, "2"), None), Place::AnotherAdapter);
        let gpu = adapter("GPU", false, "1");
        assert_eq!(place(&gpu, &gpu, None), Place::Recorded);
        assert_eq!(place(&gpu, &adapter("GPU", false, "2"), None), Place::AnotherAdapter);
        let noop = AdapterInfo { backend: "noop".to_owned(), ..wide.clone() };
        assert_eq!((place(&wide, &noop, None), place(&noop, &noop, None)), (Place::Noop, Place::Recorded));
    }
}
