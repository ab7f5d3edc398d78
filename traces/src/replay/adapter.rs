//! The adapter that a replay requests.

use airlock_protocol::commands::{
    adapter::{AdapterInfo, Capabilities},
    instance::AdapterSelector,
};

/// Parses an adapter option: a number, `noop`, or a part of a name.
pub(super) fn parse(choice: &str) -> AdapterSelector<'_> {
    match choice.parse() {
        Ok(index) => AdapterSelector::Index(index),
        Err(_) if choice.eq_ignore_ascii_case("noop") => AdapterSelector::Noop,
        Err(_) => AdapterSelector::Name(choice),
    }
}

/// The available adapters, numbered as by `--adapter`, where none of them matches the user's choice.
pub fn unmatched(choice: &str, adapters: &[Capabilities]) -> Option<String> {
    let wanted = choice.to_lowercase();
    let is_called = |info: &AdapterInfo| {
        let names = [&info.description, &info.driver, &info.driver_info, &info.backend];
        names.iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    let fits = match parse(choice) {
        AdapterSelector::Any | AdapterSelector::Noop => true,
        AdapterSelector::Index(index) => usize::try_from(index).is_ok_and(|index| index < adapters.len()),
        AdapterSelector::Name(_) => adapters.iter().any(|adapter| is_called(&adapter.info)),
    };
    let numbered = adapters.iter().enumerate().map(|(index, adapter)| {
        let AdapterInfo { description, backend, .. } = &adapter.info;
        format!("{index}: {description} ({backend})")
    });
    let numbered: Vec<_> = numbered.collect();
    (!fits).then(|| if numbered.is_empty() { "none".to_owned() } else { numbered.join(", ") })
}

/// The recorded adapter among those of this machine: the same device with the same driver, else one of the same name.
pub(super) fn find(recorded: &AdapterInfo, adapters: &[Capabilities]) -> AdapterSelector<'static> {
    let same_device = |info: &AdapterInfo| {
        let key = |info: &AdapterInfo| {
            [&info.vendor, &info.device, &info.description, &info.backend, &info.driver].map(String::clone)
        };
        key(info) == key(recorded)
    };
    let same_driver = |info: &AdapterInfo| same_device(info) && info.driver_info == recorded.driver_info;
    let same_name = |info: &AdapterInfo| !info.description.is_empty() && info.description == recorded.description;
    let place = |fits: &dyn Fn(&AdapterInfo) -> bool| adapters.iter().position(|adapter| fits(&adapter.info));
    let found = place(&same_driver).or_else(|| place(&same_device)).or_else(|| place(&same_name));
    match found.and_then(|index| u32::try_from(index).ok()) {
        Some(index) => AdapterSelector::Index(index),
        None => AdapterSelector::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(description: &str, backend: &str, driver_info: &str) -> Capabilities {
        let text = str::to_owned;
        let (description, backend, driver_info) = (text(description), text(backend), text(driver_info));
        let info = AdapterInfo { description, backend, driver_info, ..AdapterInfo::default() };
        Capabilities { info, ..Capabilities::default() }
    }

    #[test]
    fn the_recorded_adapter_is_found_again() {
        let here = [adapter("GPU", "gl", "1"), adapter("GPU", "vulkan", "1"), adapter("GPU", "vulkan", "2")];
        let find = |description, backend, driver| super::find(&adapter(description, backend, driver).info, &here);
        assert_eq!(find("GPU", "vulkan", "2"), AdapterSelector::Index(2));
        assert_eq!(find("GPU", "vulkan", "3"), AdapterSelector::Index(1));
        assert_eq!(find("GPU", "metal", "1"), AdapterSelector::Index(0));
        assert_eq!(find("other", "vulkan", "1"), AdapterSelector::Any);
    }

    #[test]
    fn choices_are_read() {
        assert_eq!(parse("1"), AdapterSelector::Index(1));
        assert_eq!(parse("NOOP"), AdapterSelector::Noop);
        assert_eq!(parse("llvm"), AdapterSelector::Name("llvm"));
    }
}
