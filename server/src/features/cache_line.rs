//! How long the cache lines of the machine are that is measured for.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// What the user says of cache lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheLine {
    /// As [`usual`].
    #[default]
    Auto,
    /// Nothing of them is shown.
    Off,
    /// They have this many bytes.
    Bytes(NonZeroU64),
}

impl CacheLine {
    /// The bytes of one on a target; none if nothing of cache lines is to be shown.
    pub fn on(self, target: &str) -> Option<NonZeroU64> {
        match self {
            CacheLine::Auto => usual(target),
            CacheLine::Off => None,
            CacheLine::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Nearly everywhere.
const USUAL: NonZeroU64 = NonZeroU64::new(64).unwrap();
/// Of Apple's own processors, as `sysctl hw.cachelinesize` says there.
const APPLE: NonZeroU64 = NonZeroU64::new(128).unwrap();

/// Architectures, as target triples begin, of microcontrollers whose data memory has no cache in front of it.
///
/// * Cortex-M: none in M0, M0+, M1, M3, M4, M23 and M33 (Arm, "Cortex-M Processor Comparison Table", line "Data Cache").
///   The M7 (`thumbv7em` too), M55 and M85 may have one, in front of external memory; their users say so.
/// * ARM7TDMI (`armv4t`, `thumbv4t`): none (Arm, DDI 0210, "ARM7TDMI Technical Reference Manual", 1.1).
/// * AVR: the SRAM is read in two cycles, always (Microchip, DS40002061, "ATmega328P", 8.3.1).
/// * MSP430: the CPU is on the same bus as its RAM (Texas Instruments, SLAU144, 1.3).
/// * Xtensa in ESP32, -S2 and -S3: the internal SRAM is not cached, only external memory is (Espressif, "ESP32 Technical
///   Reference Manual", 1.3.2).
const WITHOUT_DATA_CACHE: [&str; 9] = [
    "thumbv6m-",
    "thumbv7m-",
    "thumbv7em-",
    "thumbv8m.",
    "armv4t-",
    "thumbv4t-",
    "avr-",
    "msp430-",
    "xtensa-",
];

/// Whether a target is a microcontroller without a data cache: one of [`WITHOUT_DATA_CACHE`], or a 32-bit RISC-V without
/// an operating system that would need one. Of those ESP32-C3, GD32VF103 and CH32V have none (Espressif, "ESP32-C3
/// Technical Reference Manual", 3.3: internal SRAM is not cached).
fn is_without_data_cache(target: &str) -> bool {
    WITHOUT_DATA_CACHE.iter().any(|start| target.starts_with(start))
        || (target.starts_with("riscv32") && !target.contains("linux"))
}

/// The bytes of a cache line of a target; none if it has no data cache.
pub fn usual(target: &str) -> Option<NonZeroU64> {
    let is_apple =
        (target.starts_with("aarch64-") || target.starts_with("arm64")) && target.contains("-apple-");
    match is_without_data_cache(target) {
        true => None,
        false if is_apple => Some(APPLE),
        false => Some(USUAL),
    }
}

const AUTO: &str = "auto";
const OFF: &str = "off";

/// What can be said.
const EXPECTED: &str = "`auto`, `off` or a number of bytes, at least 1";

impl FromStr for CacheLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            AUTO => Ok(CacheLine::Auto),
            OFF => Ok(CacheLine::Off),
            _ => text.parse().map(CacheLine::Bytes).map_err(|_| format!("expected {EXPECTED}")),
        }
    }
}

impl fmt::Display for CacheLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheLine::Auto => f.write_str(AUTO),
            CacheLine::Off => f.write_str(OFF),
            CacheLine::Bytes(bytes) => bytes.fmt(f),
        }
    }
}

impl Serialize for CacheLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            CacheLine::Auto => serializer.serialize_str(AUTO),
            CacheLine::Off => serializer.serialize_str(OFF),
            CacheLine::Bytes(bytes) => bytes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CacheLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = CacheLine;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<CacheLine, E> {
                let unexpected = || E::invalid_value(serde::de::Unexpected::Unsigned(bytes), &self);
                NonZeroU64::new(bytes).map(CacheLine::Bytes).ok_or_else(unexpected)
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<CacheLine, E> {
                match word {
                    AUTO => Ok(CacheLine::Auto),
                    OFF => Ok(CacheLine::Off),
                    _ => Err(E::custom(format!("unknown word `{word}`, expected {EXPECTED}"))),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn microcontrollers_have_no_data_cache() {
        for target in [
            "thumbv6m-none-eabi",
            "thumbv7m-none-eabi",
            "thumbv7em-none-eabihf",
            "thumbv8m.base-none-eabi",
            "thumbv8m.main-none-eabihf",
            "avr-none",
            "avr-unknown-gnu-atmega328",
            "msp430-none-elf",
            "riscv32i-unknown-none-elf",
            "riscv32imc-unknown-none-elf",
            "riscv32imac-unknown-none-elf",
            "riscv32imc-esp-espidf",
            "xtensa-esp32s3-none-elf",
        ] {
            assert_eq!(CacheLine::Auto.on(target), None, "{target}");
            assert_eq!(CacheLine::Bytes(USUAL).on(target), Some(USUAL), "{target}");
        }
        for (target, bytes) in [
            ("x86_64-unknown-linux-gnu", 64),
            ("aarch64-unknown-linux-gnu", 64),
            ("aarch64-apple-darwin", 128),
            ("arm64e-apple-ios", 128),
            ("x86_64-apple-darwin", 64),
            ("thumbv7a-none-eabi", 64),
            ("thumbv7neon-linux-androideabi", 64),
            ("riscv32gc-unknown-linux-gnu", 64),
            ("riscv64gc-unknown-none-elf", 64),
            ("armv7r-none-eabihf", 64),
            ("wasm32-unknown-unknown", 64),
        ] {
            assert_eq!(CacheLine::Auto.on(target), NonZeroU64::new(bytes), "{target}");
            assert_eq!(CacheLine::Off.on(target), None, "{target}");
        }
    }

    #[test]
    fn what_is_said_is_read_and_written() {
        for (text, value, said) in [
            ("auto", json!("auto"), CacheLine::Auto),
            ("off", json!("off"), CacheLine::Off),
            ("32", json!(32), CacheLine::Bytes(NonZeroU64::new(32).unwrap())),
        ] {
            assert_eq!(text.parse(), Ok(said));
            assert_eq!(said.to_string(), text);
            assert_eq!(serde_json::from_value::<CacheLine>(value.clone()).unwrap(), said);
            assert_eq!(serde_json::to_value(said).unwrap(), value);
        }
    }

    #[test]
    fn no_bytes_at_all_is_an_error() {
        for text in ["0", "-1", "64.5", "on", ""] {
            let error = text.parse::<CacheLine>().unwrap_err();
            assert_eq!(error, "expected `auto`, `off` or a number of bytes, at least 1");
        }
        let error = serde_json::from_value::<CacheLine>(json!(0)).unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid value: integer `0`, expected `auto`, `off` or a number of bytes, at least 1"
        );
        for value in [json!(-1), json!(1.5), json!("on"), json!(true), json!([64])] {
            assert!(serde_json::from_value::<CacheLine>(value.clone()).is_err(), "{value}");
        }
    }
}
