//! Checks: counts of them, and lines for failed ones with the expected and the found value.

use std::fmt::Debug;

use guest_support::errors::describe;
use guest_support::gpu::*;
use guest_support::{Failure, Gpu, Outcome, outln};

#[derive(Default)]
pub struct Check {
    section: &'static str,
    checks: u32,
    failed: u32,
    earlier_checks: u32,
    earlier_failed: u32,
}

impl Check {
    pub fn begin(&mut self, section: &'static str) {
        self.section = section;
    }

    pub fn end(&mut self) {
        let (checks, failed) = (self.checks, self.failed);
        match failed {
            0 => outln!("ok: {} ({checks} checks)", self.section),
            _ => outln!("FAILED: {} ({failed} of {checks} checks)", self.section),
        }
        self.earlier_checks += checks;
        self.earlier_failed += failed;
        (self.checks, self.failed) = (0, 0);
    }

    /// The number of checks in all sections, and the number of failed ones.
    pub fn totals(&self) -> (u32, u32) {
        (self.earlier_checks, self.earlier_failed)
    }

    pub fn fail(&mut self, what: &str) {
        self.checks += 1;
        self.failed += 1;
        outln!("  {}: {what}", self.section);
    }

    /// Checks a condition.
    pub fn that(&mut self, what: &str, holds: bool) {
        if holds {
            self.checks += 1;
        } else {
            self.fail(&format!("{what}: does not hold"));
        }
    }

    /// Checks that two values are equal.
    pub fn same<T: PartialEq + Debug>(&mut self, what: &str, found: T, expected: T) {
        if found == expected {
            self.checks += 1;
        } else {
            self.fail(&format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    /// Checks that two lists are equal; only the first difference is printed.
    pub fn same_list<T: PartialEq + Debug>(&mut self, what: &str, found: &[T], expected: &[T]) {
        self.same(&format!("{what}, length"), found.len(), expected.len());
        match found.iter().zip(expected).position(|(f, e)| f != e) {
            None => self.checks += 1,
            Some(i) => self.fail(&format!("{what}[{i}]: expected {:?}, found {:?}", expected[i], found[i])),
        }
    }

    /// Checks that the call causes no error; returns its value.
    pub async fn valid<T>(&mut self, device: &GpuDevice, what: &str, call: impl FnOnce() -> T) -> T {
        device.push_error_scope(GpuErrorFilter::Validation);
        let value = call();
        self.expect_no_error(device, what).await;
        value
    }

    /// Checks that the call causes a validation error with a message; returns its value.
    pub async fn invalid<T>(&mut self, device: &GpuDevice, what: &str, call: impl FnOnce() -> T) -> T {
        device.push_error_scope(GpuErrorFilter::Validation);
        let value = call();
        self.expect_validation_error(device, what).await;
        value
    }

    async fn expect_no_error(&mut self, device: &GpuDevice, what: &str) {
        match self.pop_scope(device, what).await {
            None => self.checks += 1,
            Some(error) => self.fail(&format!("{what}: expected no error, found {}", describe(&error))),
        }
    }

    async fn expect_validation_error(&mut self, device: &GpuDevice, what: &str) {
        match self.pop_scope(device, what).await {
            None => self.fail(&format!("{what}: expected a validation error, found none")),
            Some(error) => {
                let is_validation = matches!(error.kind(), GpuErrorKind::ValidationError);
                self.that(&format!("{what}: the error is a validation error"), is_validation);
                self.that(&format!("{what}: the error has a message"), !error.message().is_empty());
            }
        }
    }

    async fn pop_scope(&mut self, device: &GpuDevice, what: &str) -> Option<GpuError> {
        device.pop_error_scope().await.unwrap_or_else(|error| {
            self.fail(&format!("{what}: cannot pop the scope: {}", error.message));
            None
        })
    }
}

/// Checks an object's label: its initial one, then another.
macro_rules! check_label {
    ($check:expr, $object:expr, $label:expr) => {{
        $check.same(concat!("label of ", stringify!($object)), $object.label(), $label.to_string());
        // Longer than any inline storage, and not ASCII.
        let renamed = concat!("renamed ", stringify!($object), ": Ümläut, 标签, \u{1f980}");
        $object.set_label(renamed);
        $check.same(concat!("new label of ", stringify!($object)), $object.label(), renamed.to_string());
    }};
}
pub(crate) use check_label;

/// Checks that a call fails with an error of the kind that a pattern names.
macro_rules! check_error {
    ($check:expr, $what:expr, $result:expr, $kind:pat) => {
        match $result {
            Ok(_) => $check.fail(&format!("{}: expected {}, found success", $what, stringify!($kind))),
            Err(error) if matches!(error.kind, $kind) => $check.that($what, true),
            Err(error) => $check.fail(&format!("{}: expected {}, found {error:?}", $what, stringify!($kind))),
        }
    };
}
pub(crate) use check_error;

/// Checks that a call succeeds.
macro_rules! check_success {
    ($check:expr, $what:expr, $result:expr) => {
        if let Err(error) = $result {
            $check.fail(&format!("{}: expected success, found {error:?}", $what));
        } else {
            $check.that($what, true);
        }
    };
}
pub(crate) use check_success;

/// A device with default limits and no features.
pub async fn plain_device(label: &str) -> Outcome<Gpu> {
    Gpu::request(label).await
}

/// A device with all features and limits of its adapter.
pub async fn rich_device(label: &str) -> Outcome<Gpu> {
    Gpu::request_with(GpuRequestAdapterOptions::default(), |adapter| {
        let (has, limits) = (adapter.features(), adapter.limits());
        let features = FEATURES.iter().filter(|(name, _)| has.has(name)).map(|(_, feature)| *feature);
        let required = RecordOptionGpuSize64::new();
        required.add("maxImmediateSize", Some(u64::from(limits.max_immediate_size())));
        required.add("maxBindGroups", Some(u64::from(limits.max_bind_groups().max(4))));
        Ok(GpuDeviceDescriptor {
            required_features: Some(features.collect()),
            required_limits: Some(required),
            default_queue: None,
            label: Some(label.to_string()),
        })
    })
    .await
}

/// Fails the section if a result that later checks need is an error.
pub fn needed<T, E: Debug>(what: &str, result: Result<T, E>) -> Outcome<T> {
    result.map_err(|error| Failure::new(format!("{what}: {error:?}")))
}

/// The features by their WebGPU names.
pub const FEATURES: [(&str, GpuFeatureName); 22] = [
    ("core-features-and-limits", GpuFeatureName::CoreFeaturesAndLimits),
    ("depth-clip-control", GpuFeatureName::DepthClipControl),
    ("depth32float-stencil8", GpuFeatureName::Depth32floatStencil8),
    ("texture-compression-bc", GpuFeatureName::TextureCompressionBc),
    ("texture-compression-bc-sliced-3d", GpuFeatureName::TextureCompressionBcSliced3d),
    ("texture-compression-etc2", GpuFeatureName::TextureCompressionEtc2),
    ("texture-compression-astc", GpuFeatureName::TextureCompressionAstc),
    ("texture-compression-astc-sliced-3d", GpuFeatureName::TextureCompressionAstcSliced3d),
    ("timestamp-query", GpuFeatureName::TimestampQuery),
    ("indirect-first-instance", GpuFeatureName::IndirectFirstInstance),
    ("shader-f16", GpuFeatureName::ShaderF16),
    ("rg11b10ufloat-renderable", GpuFeatureName::Rg11b10ufloatRenderable),
    ("bgra8unorm-storage", GpuFeatureName::Bgra8unormStorage),
    ("float32-filterable", GpuFeatureName::Float32Filterable),
    ("float32-blendable", GpuFeatureName::Float32Blendable),
    ("clip-distances", GpuFeatureName::ClipDistances),
    ("dual-source-blending", GpuFeatureName::DualSourceBlending),
    ("subgroups", GpuFeatureName::Subgroups),
    ("texture-formats-tier1", GpuFeatureName::TextureFormatsTier1),
    ("texture-formats-tier2", GpuFeatureName::TextureFormatsTier2),
    ("primitive-index", GpuFeatureName::PrimitiveIndex),
    ("texture-component-swizzle", GpuFeatureName::TextureComponentSwizzle),
];
