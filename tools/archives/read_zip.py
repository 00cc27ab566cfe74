"""Says of each file of a zip its name and the digest of its content."""
import hashlib
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        name = entry.filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
        print(name.hex(), hashlib.sha256(archive.read(entry)).hexdigest())
