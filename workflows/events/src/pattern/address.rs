//! Internet addresses and blocks of them.

use std::net::IpAddr;

/// A block of addresses, or of texts that are one address.
#[derive(Clone, Debug)]
pub(super) struct Block {
    network: u128,
    mask: u128,
    is_v6: bool,
    /// The address as it was written, where the block is one address: the text matches too.
    text: Option<String>,
}

/// An address.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    // Nothing else begins so: most texts are told apart by their first character.
    let may_be = text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') && text.len() <= 45;
    may_be.then(|| text.parse().ok()).flatten()
}

const fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (v4.to_bits() as u128, false),
        IpAddr::V6(v6) => (v6.to_bits(), true),
    }
}

impl Block {
    /// The block of one address.
    pub(super) fn of_one(text: &str) -> Self {
        let (network, is_v6) = parse(text).map_or((0, false), bits);
        Self { network, mask: u128::MAX, is_v6, text: Some(text.to_owned()) }
    }

    /// Whether `text` is an address of this block.
    pub(super) fn contains(&self, text: &str) -> bool {
        if self.text.as_deref() == Some(text) {
            return true;
        }
        let Some((address, is_v6)) = parse(text).map(bits) else { return false };
        is_v6 == self.is_v6 && address & self.mask == self.network & self.mask
    }
}

/// A block in the form `10.0.0.0/8`; the error says what is wrong.
pub(super) fn block(text: &str) -> Result<Block, String> {
    let malformed = || "Malformed CIDR, one '/' required".to_owned();
    let (address, length) = text.split_once('/').ok_or_else(malformed)?;
    if length.contains('/') {
        return Err(malformed());
    }
    let (network, is_v6) = parse(address).map(bits).ok_or_else(|| format!("Malformed CIDR, IP address: {address}"))?;
    let most = if is_v6 { 128 } else { 32 };
    let length: u32 = length.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
    if length > most {
        return Err("Malformed CIDR, mask bits out of range".to_owned());
    }
    let mask = u128::MAX.checked_shl(most - length).unwrap_or(0);
    Ok(Block { network, mask, is_v6, text: None })
}
