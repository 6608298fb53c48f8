//! The loader: from a static RV64IM ELF file to code, an image of memory and an entry. It trusts no
//! byte of the file: the result is a program or an error.

use object::{
    LittleEndian,
    elf::{EM_RISCV, ET_EXEC, FileHeader64, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, ProgramHeader64},
    read::elf::{FileHeader, ProgramHeader},
};

use crate::{Code, MEMORY_BYTES, VmError};

/// A part of the file and its address in memory. Zeros after it are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What an ELF file holds.
#[derive(Clone, Debug)]
pub(crate) struct Elf {
    pub(crate) entry: u64,
    pub(crate) code: Code,
    pub(crate) segments: Vec<Segment>,
}

impl Elf {
    /// Reads a file.
    // PROTOCOL.md MACHINE-4
    pub(crate) fn parse(file: &[u8]) -> Result<Self, VmError> {
        let not_elf = |error: object::read::Error| VmError::NotElf { reason: error.to_string() };
        let header = FileHeader64::<LittleEndian>::parse(file).map_err(not_elf)?;
        let endian = header.endian().map_err(not_elf)?;
        expect("e_machine", header.e_machine(endian).into(), EM_RISCV.into())?;
        expect("e_type", header.e_type(endian).into(), ET_EXEC.into())?;

        let mut loads = Vec::new();
        for segment in header.program_headers(endian, file).map_err(not_elf)? {
            match segment.p_type(endian) {
                PT_INTERP => return Err(VmError::NotStatic { segment: "PT_INTERP" }),
                PT_DYNAMIC => return Err(VmError::NotStatic { segment: "PT_DYNAMIC" }),
                PT_LOAD => loads.push(segment),
                _ => {}
            }
        }
        refuse_overlaps(&loads, endian)?;

        let mut code = Vec::new();
        let mut segments = Vec::new();
        for segment in loads {
            let loaded = load(segment, endian, file)?;
            if segment.p_flags(endian) & PF_X != 0 {
                code.push(Code::new(loaded.address, &loaded.bytes)?);
            }
            segments.push(loaded);
        }
        let found = code.len();
        let [code] = <[Code; 1]>::try_from(code).map_err(|_| VmError::CodeSegments { found })?;
        Ok(Self { entry: header.e_entry(endian), code, segments })
    }
}

/// Overlaps have no meaning, and would let a small file ask for a lot of memory.
fn refuse_overlaps(
    segments: &[&ProgramHeader64<LittleEndian>],
    endian: LittleEndian,
) -> Result<(), VmError> {
    let range = |segment: &&ProgramHeader64<LittleEndian>| {
        let address = segment.p_vaddr(endian);
        (address, address.saturating_add(segment.p_memsz(endian)))
    };
    let mut ranges: Vec<(u64, u64)> = segments.iter().map(range).collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if let [(_, end), (address, _)] = pair
            && end > address
        {
            return Err(VmError::SegmentsOverlap { address: *address });
        }
    }
    Ok(())
}

fn load(
    segment: &ProgramHeader64<LittleEndian>,
    endian: LittleEndian,
    file: &[u8],
) -> Result<Segment, VmError> {
    let (address, bytes) = (segment.p_vaddr(endian), segment.p_memsz(endian));
    let file_bytes = segment.p_filesz(endian);
    if address.checked_add(bytes).is_none_or(|end| end > MEMORY_BYTES) {
        return Err(VmError::SegmentOutOfRange { address, bytes });
    }
    if file_bytes > bytes {
        return Err(VmError::SegmentTruncated { address, file_bytes, bytes });
    }
    let contents = segment.data(endian, file).map_err(|()| VmError::NotElf {
        reason: format!("the segment at {address:#x} lies beyond the end of the file"),
    })?;
    Ok(Segment { address, bytes: contents.to_vec() })
}

const fn expect(field: &'static str, found: u64, expected: u64) -> Result<(), VmError> {
    if found == expected {
        return Ok(());
    }
    Err(VmError::WrongElfField { field, found, expected })
}
