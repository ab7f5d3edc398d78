//! `GPU`: adapter requests.

use airlock_protocol::{
    Event,
    commands::instance::{AdapterSelector, ListAdapters, RequestAdapter},
};

use crate::{
    gpu::{
        instances::{Found, prefer},
        violation::Outcome,
    },
    session::Session,
};

impl Session {
    pub(super) fn request_adapter(&mut self, c: RequestAdapter<'_>) -> Outcome {
        self.adapters.free(c.adapter)?;
        let refusal = self.adapters.refusal();
        let chosen = match (refusal, &c.selector) {
            (Some(refusal), _) => {
                self.refused();
                Err(refusal.to_string())
            }
            (None, AdapterSelector::Noop) => {
                self.instances.noop().ok_or_else(|| "the noop backend is not there".to_owned())
            }
            (None, AdapterSelector::Any | AdapterSelector::Index(_) | AdapterSelector::Name(_)) => {
                choose(self.instances.adapters()?, &c)
            }
        };
        let result = match chosen {
            Ok(found) => {
                tracing::info!("adapter {}: {}", c.adapter.0, found.name());
                let capabilities = Box::new(found.capabilities());
                self.adapters.insert(c.adapter, found.adapter)?;
                Ok(capabilities)
            }
            Err(reason) => Err(reason),
        };
        self.completions.events.send(&Event::AdapterReply { request: c.request, result });
        Ok(())
    }

    pub(super) fn list_adapters(&mut self, c: ListAdapters) -> Outcome {
        let adapters = self.instances.adapters()?.iter().map(Found::capabilities).collect();
        self.completions.events.send(&Event::AdapterList { request: c.request, adapters });
        Ok(())
    }
}

fn choose(found: Vec<Found>, c: &RequestAdapter<'_>) -> Result<Found, String> {
    if found.is_empty() {
        return Err("no adapter is there: neither Vulkan nor OpenGL (or what the platform has in their place) \
                        finds a GPU or a software driver such as lavapipe (package mesa-vulkan-drivers)"
            .to_owned());
    }
    let names = found.iter().map(Found::name).collect::<Vec<_>>().join(", ");
    match c.selector {
        AdapterSelector::Index(index) => {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let chosen = found.into_iter().nth(index);
            chosen.ok_or_else(|| format!("adapter {index} is asked for, there are (from 0): {names}"))
        }
        AdapterSelector::Name(name) => {
            let chosen = found.into_iter().find(|found| found.is_called(name));
            chosen.ok_or_else(|| format!("an adapter called {name:?} is asked for, there are: {names}"))
        }
        AdapterSelector::Any | AdapterSelector::Noop => {
            let chosen = prefer(found, c.power_preference, c.force_fallback_adapter);
            chosen.ok_or_else(|| format!("a software adapter is asked for, there are: {names}"))
        }
    }
}
