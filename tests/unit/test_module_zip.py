"""The archive that an operator uploads to Blesta."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def packed(folder: Path) -> Path:
    """Pack the module; the archive."""
    done = subprocess.run([ROOT / ".ci" / "module-zip", folder], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def test_the_archive_holds_the_module_and_nothing_else(tmp_path: Path) -> None:
    """Unpacked into components/modules it is the folder Blesta looks for; every file of the module is in it."""
    with zipfile.ZipFile(packed(tmp_path)) as archive:
        names = set(archive.namelist())
        module = ROOT / "php_shim" / "infrafabric"
        files = {f"infrafabric/{path.relative_to(module)}" for path in module.rglob("*") if path.is_file()}
        assert names == files
        assert "infrafabric/infrafabric.php" in names
        assert archive.read("infrafabric/config.json") == (module / "config.json").read_bytes()
        assert not any("test" in name.lower() or "/." in name for name in names)


def test_the_same_module_makes_the_same_archive(tmp_path: Path) -> None:
    """Whoever packs it, whenever: the bytes can be compared with a published checksum."""
    first, second = (hashlib.sha256(packed(tmp_path / name).read_bytes()).digest() for name in "ab")
    assert first == second
