//! One node: its RLP and the hex-prefix coding of its path.
//!
//! In: bytes of unknown origin. Out: borrowed parts of them, or the defect. And back: parts in,
//! RLP out. A node is one of (Yellow Paper, appendix D):
//!
//! | node | RLP |
//! |---|---|
//! | leaf | `[hex_prefix(path, flag 2), value]` |
//! | extension | `[hex_prefix(path, flag 0), link]` |
//! | branch | `[link; 16] ++ [value]` |
//!
//! A link is the RLP of the child itself when that is below 32 bytes, else of its keccak hash.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "offsets in one node, whose items are bounded when it is read, and lengths of what is in memory"
)]

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::{Nibbles, nodes::RlpNode};

use super::{KEY_NIBBLES_MAX, NodeDefect};

/// Length of the RLP of a hash. A node within its parent has fewer than 32 bytes, so that a link's
/// length says which of both it is.
pub(super) const HASH_LINK_LEN: usize = 33;
/// First byte of the RLP of a hash.
pub(super) const HASH_CODE: u8 = EMPTY_STRING_CODE + 32;

/// The header of the RLP of a branch with 16 hashes and no value: a list of 529 bytes.
const FULL_HEADER: [u8; 3] = [0xf9, 0x02, 0x11];

/// The bit that the first byte of a hash's RLP has and the RLP of no child lacks.
const HASH_BIT: u8 = HASH_CODE ^ EMPTY_STRING_CODE;

/// How a parent names a child: nothing, a hash of 33 bytes, or the child itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link<'r>(&'r [u8]);

impl<'r> Link<'r> {
    /// No child.
    pub(super) const EMPTY: Self = Self(&[]);

    /// The link that a node's RLP made.
    pub(super) fn of(node: &'r RlpNode) -> Self {
        Self(node.as_slice())
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    /// The hash, unless the child is absent or within its parent.
    pub(super) fn hash(self) -> Option<B256> {
        if self.0.len() == HASH_LINK_LEN { self.0.get(1..).map(B256::from_slice) } else { None }
    }

    /// The RLP of a child within its parent.
    pub(super) fn inline(self) -> Bytes {
        Bytes::copy_from_slice(self.0)
    }

    pub(super) fn owned(self) -> RlpNode {
        // A link is at most 33 bytes long, by `parse`.
        RlpNode::from_raw(self.0).unwrap_or_default()
    }

    /// Takes one link off the front of `items`.
    fn parse(items: &mut &'r [u8]) -> Result<Self, NodeDefect> {
        // The most frequent links first: no child, and a hash.
        match items.split_first() {
            Some((&EMPTY_STRING_CODE, rest)) => {
                *items = rest;
                return Ok(Self::EMPTY);
            }
            Some((&HASH_CODE, _)) if items.len() >= HASH_LINK_LEN => {
                let (link, rest) = items.split_at(HASH_LINK_LEN);
                *items = rest;
                return Ok(Self(link));
            }
            _ => {}
        }
        let whole = *items;
        let header = Header::decode(items).map_err(NodeDefect::Rlp)?;
        *items = items.get(header.payload_length..).ok_or(NodeDefect::Link)?;
        let item = whole.get(..whole.len() - items.len()).ok_or(NodeDefect::Link)?;
        if header.list && item.len() < 32 { Ok(Self(item)) } else { Err(NodeDefect::Link) }
    }
}

/// A decoded node that borrows from its RLP.
#[derive(Debug)]
pub(super) enum Node<'r> {
    Leaf { path: Nibbles, value: &'r [u8] },
    Extension { path: Nibbles, child: Link<'r> },
    Branch(Branch<'r>),
}

/// A branch as it stands in its RLP, so that one copy takes all links between two changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<'r> {
    /// The RLP of the links, then the value.
    items: &'r [u8],
    /// Where each link starts, and where the last one ends.
    starts: [u16; 17],
    /// A bit for each nibble that has a child.
    pub(super) filled: u16,
    /// The branch's value; empty when it has none.
    pub(super) value: &'r [u8],
}

impl<'r> Branch<'r> {
    /// A branch with nothing below it.
    pub(super) const EMPTY: Self = {
        let mut starts = [0; 17];
        let mut end: u16 = 0;
        while end < 17 {
            starts[end as usize] = end;
            end += 1;
        }
        Self { items: &[EMPTY_STRING_CODE; 17], starts, filled: 0, value: &[] }
    };

    /// Where the links of a branch with 16 hashes start.
    const FULL_STARTS: [u16; 17] = {
        let mut starts = [0; 17];
        let mut nibble = 0;
        while nibble < 16 {
            starts[nibble + 1] = starts[nibble] + 33;
            nibble += 1;
        }
        starts
    };

    /// The usual branch near the top of a big trie: 16 hashes and no value.
    fn full(rlp: &'r [u8]) -> Option<Self> {
        let items: &[u8; 16 * HASH_LINK_LEN + 1] =
            rlp.strip_prefix(&FULL_HEADER)?.try_into().ok()?;
        let (links, value) = items.as_chunks::<HASH_LINK_LEN>();
        if value != [EMPTY_STRING_CODE] || links.iter().any(|link| link[0] != HASH_CODE) {
            return None;
        }
        Some(Self { items, starts: Self::FULL_STARTS, filled: u16::MAX, value: &[] })
    }

    /// The usual branch further down: hashes, gaps, and no value. The CPU cannot predict where the
    /// gaps are, so that no jump here depends on them.
    fn sparse(rlp: &'r [u8]) -> Option<Self> {
        let items = match rlp {
            [0xf8, len, items @ ..] if *len > 55 && items.len() == usize::from(*len) => items,
            [0xf9, high, low, items @ ..]
                if *high > 0 && items.len() == usize::from(u16::from_be_bytes([*high, *low])) =>
            {
                items
            }
            _ => return None,
        };
        let (mut starts, mut filled, mut end) = ([0; 17], 0, 0_u16);
        for nibble in 0..16 {
            let code = *items.get(usize::from(end))?;
            if code & !HASH_BIT != EMPTY_STRING_CODE {
                return None;
            }
            let is_hash = u16::from(code & HASH_BIT != 0);
            filled |= is_hash << nibble;
            end += 1 + 32 * is_hash;
            starts[nibble + 1] = end;
        }
        let is_end = items.get(usize::from(end)..) == Some(&[EMPTY_STRING_CODE]);
        is_end.then_some(Self { items, starts, filled, value: &[] })
    }

    /// A branch with one child, written to `items`.
    pub(super) fn of_one(
        nibble: u8,
        child: Link<'_>,
        items: &'r mut [u8; 16 + HASH_LINK_LEN],
    ) -> Self {
        *items = [EMPTY_STRING_CODE; 16 + HASH_LINK_LEN];
        let (from, to) = (usize::from(nibble), usize::from(nibble) + child.len());
        items[from..to].copy_from_slice(child.0);
        // A link is at most 33 bytes.
        let more = u16::try_from(child.len()).unwrap_or(1) - 1;
        let mut starts = Self::EMPTY.starts;
        starts[from + 1..].iter_mut().for_each(|start| *start += more);
        Self { items, starts, filled: 1 << nibble, value: &[] }
    }

    /// Decodes the items of a branch.
    fn decode(items: &'r [u8]) -> Result<Self, NodeDefect> {
        let mut rest = items;
        let mut starts = [0; 17];
        let mut filled = 0;
        for nibble in 0..16 {
            if rest.is_empty() {
                return Err(NodeDefect::ItemCount { found: nibble });
            }
            if !Link::parse(&mut rest)?.is_empty() {
                filled |= 1 << nibble;
            }
            // 16 links are at most 528 bytes.
            starts[nibble + 1] = u16::try_from(items.len() - rest.len()).unwrap_or(u16::MAX);
        }
        if rest.is_empty() {
            return Err(NodeDefect::ItemCount { found: 16 });
        }
        let value = Header::decode_bytes(&mut rest, false).map_err(NodeDefect::Rlp)?;
        if !rest.is_empty() {
            return Err(NodeDefect::ItemCount { found: 18 });
        }
        Ok(Self { items, starts, filled, value })
    }

    /// The child at a nibble.
    pub(super) fn child(&self, nibble: u8) -> Link<'r> {
        if self.filled >> nibble & 1 == 0 {
            return Link::EMPTY;
        }
        Link(self.links(nibble, nibble + 1))
    }

    /// The RLP of the links of nibbles `from..to`.
    pub(super) fn links(&self, from: u8, to: u8) -> &'r [u8] {
        let start = |nibble: u8| self.starts.get(usize::from(nibble)).copied().map(usize::from);
        let range = start(from).zip(start(to));
        range.and_then(|(from, to)| self.items.get(from..to)).unwrap_or_default()
    }
}

impl<'r> Node<'r> {
    /// Decodes the node that stands `depth` nibbles down. No path through it leads below
    /// [`KEY_NIBBLES_MAX`], except a branch at that depth, whose children no key reaches.
    pub(super) fn decode(rlp: &'r [u8], depth: usize) -> Result<Self, NodeDefect> {
        if let Some(branch) = Branch::full(rlp).or_else(|| Branch::sparse(rlp)) {
            return Ok(Self::Branch(branch));
        }
        let mut rest = rlp;
        let items = Header::decode_bytes(&mut rest, true).map_err(NodeDefect::Rlp)?;
        if !rest.is_empty() {
            return Err(NodeDefect::Rlp(alloy_rlp::Error::UnexpectedLength));
        }
        // A leaf and an extension end after two items, a branch does not.
        let mut probe = items;
        for found in 0..2 {
            if probe.is_empty() {
                return Err(NodeDefect::ItemCount { found });
            }
            let header = Header::decode(&mut probe).map_err(NodeDefect::Rlp)?;
            probe = probe.get(header.payload_length..).ok_or(NodeDefect::Link)?;
        }
        if probe.is_empty() {
            return Self::decode_short(items, depth);
        }
        Branch::decode(items).map(Self::Branch)
    }

    fn decode_short(mut items: &'r [u8], depth: usize) -> Result<Self, NodeDefect> {
        let prefix = Header::decode_bytes(&mut items, false).map_err(NodeDefect::Rlp)?;
        let (path, is_leaf) = decode_path(prefix)?;
        if depth.saturating_add(path.len()) > KEY_NIBBLES_MAX {
            return Err(NodeDefect::TooDeep);
        }
        if is_leaf {
            let value = Header::decode_bytes(&mut items, false).map_err(NodeDefect::Rlp)?;
            if value.is_empty() {
                return Err(NodeDefect::EmptyLeaf);
            }
            return Ok(Self::Leaf { path, value });
        }
        let child = Link::parse(&mut items)?;
        if path.is_empty() || child.is_empty() {
            return Err(NodeDefect::EmptyExtension);
        }
        Ok(Self::Extension { path, child })
    }
}

/// Hex-prefix: the high nibble of the first byte is 2 for a leaf, plus 1 for an odd path, whose
/// first nibble is then the low one; of an even path the low one is zero.
fn decode_path(prefix: &[u8]) -> Result<(Nibbles, bool), NodeDefect> {
    let (&first, rest) = prefix.split_first().ok_or(NodeDefect::HexPrefix)?;
    let (flag, low) = (first >> 4, first & 0xf);
    let is_odd = flag & 1 == 1;
    let len = rest.len().saturating_mul(2).saturating_add(usize::from(is_odd));
    if flag > 3 || (!is_odd && low != 0) || len > KEY_NIBBLES_MAX {
        return Err(NodeDefect::HexPrefix);
    }
    let mut path = Nibbles::unpack(rest);
    if is_odd {
        let tail = core::mem::take(&mut path);
        path.push(low);
        path.extend(&tail);
    }
    Ok((path, flag & 2 != 0))
}

/// A path in hex-prefix coding, at most 33 bytes.
struct HexPrefix {
    bytes: [u8; 33],
    len: usize,
}

impl HexPrefix {
    fn new(path: &Nibbles, is_leaf: bool) -> Self {
        let mut bytes = [0; 33];
        let flag = if is_leaf { 0x20 } else { 0 };
        let even = if path.len() % 2 == 1 {
            bytes[0] = flag | 0x10 | path.get_unchecked(0);
            path.slice(1..)
        } else {
            bytes[0] = flag;
            *path
        };
        let len = even.byte_len();
        even.pack_to(&mut bytes[1..=len]);
        Self { bytes, len: len + 1 }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Appends the RLP of a leaf, whose value stands in the buffer already.
pub(super) fn encode_leaf(buffer: &mut Vec<u8>, path: &Nibbles, value: Range<usize>) {
    let prefix = HexPrefix::new(path, true);
    let payload_length = prefix.as_slice().length() + string_len(buffer, &value);
    encode_list_header(buffer, payload_length);
    prefix.as_slice().encode(buffer);
    encode_string(buffer, value);
}

/// Length of the RLP of a string in the buffer.
pub(super) fn string_len(buffer: &[u8], string: &Range<usize>) -> usize {
    buffer.get(string.clone()).unwrap_or_default().length()
}

/// Appends the RLP of a string in the buffer.
pub(super) fn encode_string(buffer: &mut Vec<u8>, string: Range<usize>) {
    // A single small byte is its own RLP.
    if string_len(buffer, &string) > string.len() {
        Header { list: false, payload_length: string.len() }.encode(buffer);
    }
    buffer.extend_from_within(string);
}

/// Appends the RLP of an extension.
pub(super) fn encode_extension(buffer: &mut Vec<u8>, path: &Nibbles, child: &RlpNode) {
    let prefix = HexPrefix::new(path, false);
    encode_list_header(buffer, prefix.as_slice().length() + child.len());
    prefix.as_slice().encode(buffer);
    buffer.extend_from_slice(child);
}

/// Appends the header of a list of `payload_length` bytes.
pub(super) fn encode_list_header(buffer: &mut Vec<u8>, payload_length: usize) {
    Header { list: true, payload_length }.encode(buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RLP of a branch with hashes where `filled` has bits.
    fn branch(filled: u16) -> Vec<u8> {
        let mut items = Vec::new();
        for nibble in 0..16_u8 {
            if filled >> nibble & 1 == 1 {
                items.push(HASH_CODE);
                items.extend([0x80 + nibble; 32]);
            } else {
                items.push(EMPTY_STRING_CODE);
            }
        }
        items.push(EMPTY_STRING_CODE);
        let mut rlp = Vec::new();
        encode_list_header(&mut rlp, items.len());
        rlp.extend(items);
        rlp
    }

    fn parts<'r>(branch: &Branch<'r>) -> (&'r [u8], [u16; 17], u16, &'r [u8]) {
        (branch.items, branch.starts, branch.filled, branch.value)
    }

    #[test]
    fn the_short_ways_to_decode_a_branch_agree_with_the_long_one() {
        for filled in 0..=u16::MAX {
            let rlp = branch(filled);
            let mut rest = &rlp[..];
            let items = Header::decode_bytes(&mut rest, true).unwrap();
            let long = Branch::decode(items).unwrap();
            assert_eq!(long.filled, filled);
            // With one child or none the list is short, and the header another.
            let sparse = Branch::sparse(&rlp).map(|short| parts(&short));
            assert_eq!(sparse, (filled.count_ones() > 1).then_some(parts(&long)));
            let full = Branch::full(&rlp).map(|short| parts(&short));
            assert_eq!(full, (filled == u16::MAX).then_some(parts(&long)));
        }
    }

    #[test]
    fn the_short_ways_refuse_what_the_long_one_refuses() {
        for filled in [0x0003, 0x1111, 0xfffe, 0xffff] {
            let rlp = branch(filled);
            for at in 0..rlp.len() {
                for bit in 0..8 {
                    let mut flipped = rlp.clone();
                    flipped[at] ^= 1 << bit;
                    let short = Branch::full(&flipped).or_else(|| Branch::sparse(&flipped));
                    let mut rest = &flipped[..];
                    let long = Header::decode_bytes(&mut rest, true).map(Branch::decode);
                    if let Some(short) = short {
                        assert!(rest.is_empty());
                        assert_eq!(parts(&short), parts(&long.unwrap().unwrap()));
                    }
                }
            }
            assert!(Branch::sparse(&rlp[..rlp.len() - 1]).is_none());
            assert!(Branch::sparse(&[&rlp[..], &[EMPTY_STRING_CODE]].concat()).is_none());
        }
    }
}
