"""Weight files: ``.npz`` archives without pickled objects; files of PsychRNN 1.0 read safely."""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from psychrnn._checks import ParameterError

DESCRIPTION = "psychrnn"  # the entry that describes the whole network, as text
_SWELLING = 100  # how much larger than the file its arrays may be, beside 16 MB
_LARGEST_PICKLE = 10_000  # bytes
_MOST_MEMORIES = 1000  # places of a pickle's memory, which it may ask for by any number
# The two entries that PsychRNN 1.0 pickled, and the only names their pickles may contain.
_OLD_ENTRIES = ("dale_ratio", "transfer_function")
_ARRAY_NAMES = {
    (f"numpy.{package}.multiarray", "_reconstruct") for package in ("core", "_core")
} | {("numpy", "ndarray"), ("numpy", "dtype")}
_FUNCTION_HOMES = {
    "tensorflow.python.ops.gen_nn_ops": {"relu", "relu6", "elu", "selu", "softplus", "softsign"},
    "tensorflow.python.ops.math_ops": {"tanh", "sigmoid", "softplus"},
    "tensorflow.python.ops.gen_math_ops": {"tanh", "sigmoid"},
    "tensorflow.python.ops.nn_ops": {"relu6", "leaky_relu"},
    "tensorflow.python.ops.array_ops": {"identity"},
}


def name_of_function(function: Any) -> str | None:
    """Return the name of one of TensorFlow's transfer functions, or None for another function."""
    name = getattr(function, "__name__", None)
    known = _FUNCTION_HOMES.get(getattr(function, "__module__", ""), ())
    return name if name in known else None


def save_weights(path: str, arrays: dict[str, Any]) -> str:
    """Write arrays to an ``.npz`` file that opens with ``allow_pickle=False``.

    The file is written aside and moved into place, so an older file is never left half written.

    Arguments:
        path: file name; ``.npz`` is appended where it is missing.
        arrays: name and array of each entry.

    Returns:
        The name of the file.

    Raises:
        ParameterError: if an entry is not an array of numbers or text.
        OSError: if the file cannot be written.

    """
    path = path if path.endswith(".npz") else path + ".npz"
    checked = {key: np.asarray(value) for key, value in arrays.items()}
    for key, value in checked.items():
        if value.dtype.hasobject:
            raise ParameterError(f"{path}: {key!r} holds Python objects, which are not saved.")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with _moved_into_place(path) as file:
        np.savez(file, **checked)  # type: ignore[arg-type]
    return path


@contextmanager
def _moved_into_place(path: str) -> Iterator[IO[bytes]]:
    """Open a file aside; once it is whole and on the disk, give it the name ``path``."""
    aside = f"{path}.{os.getpid()}.{threading.get_ident()}.part"
    try:
        with open(aside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        if os.path.exists(aside):
            os.unlink(aside)


def save_matlab(path: str, arrays: dict[str, Any]) -> None:
    """Write arrays and text to a ``.mat`` file, which is moved into place when it is whole."""
    from scipy.io import savemat  # here, for few need it

    path = path if path.endswith(".mat") else path + ".mat"
    named = {key.replace("/", "_"): value for key, value in arrays.items()}
    with _moved_into_place(path) as file:
        savemat(file, named)


def load_weights(path: str, with_description: bool = False) -> dict[str, Any]:
    """Read a weight file of this library or of PsychRNN 1.0, without running anything in it.

    Arguments:
        path: exact file name.
        with_description: True to get the text that describes the whole network, too.

    Returns:
        A dict of arrays. ``dale_ratio`` is a float or None, ``transfer_function`` a name;
        either is left out where the file does not have it.

    Raises:
        FileNotFoundError: if there is no such file.
        ParameterError: if the file is not an ``.npz`` archive, or holds pickled objects other
            than the two that PsychRNN 1.0 wrote.

    """
    if not os.path.isfile(path):
        hint = f" Did you mean {path + '.npz'!r}?" if os.path.isfile(path + ".npz") else ""
        raise FileNotFoundError(f"load_weights_path: there is no file {path!r}.{hint}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = _checked_names(path, archive)
            found = {name[:-4]: _read_entry(archive, name, path) for name in names}
    except zipfile.BadZipFile:
        raise ParameterError(
            f"{path}: expected an .npz file of weights, got something else or a damaged file."
        ) from None
    except ParameterError:
        raise
    except Exception as reason:  # whatever a damaged archive leads to
        said = " ".join(str(reason).split())[:200]
        raise ParameterError(
            f"{path}: the file is damaged and cannot be read ({type(reason).__name__}: {said})."
        ) from reason
    return {key: value for key, value in found.items() if with_description or key != DESCRIPTION}


def _checked_names(path: str, archive: zipfile.ZipFile) -> list[str]:
    """Return the entries of an archive that has each once and does not swell when it is read."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise ParameterError(f"{path}: the file is damaged, an entry is in it twice.")
    size = sum(entry.file_size for entry in entries)
    if size > _SWELLING * os.path.getsize(path) + 2**24:
        raise ParameterError(
            f"{path}: expected arrays, got a file that would swell to {size / 2**20:.0f} MB when "
            "it is read. It was refused."
        )
    return [name for name in names if name.endswith(".npy")]


def _read_entry(archive: zipfile.ZipFile, name: str, path: str) -> Any:
    key = name[:-4]
    with archive.open(name) as file:
        shape, dtype = _read_header(file)
        start = file.tell()
        if dtype.hasobject:
            if key not in _OLD_ENTRIES or shape != ():
                raise _refused(path, key)
            return _read_old_entry(io.BytesIO(file.read(_LARGEST_PICKLE)), path, key)
        size = archive.getinfo(name).file_size - start
        if size != math.prod(shape) * dtype.itemsize:
            raise ParameterError(
                f"{path}: {key!r} is damaged, its size is not that of an array {shape}."
            )
        file.seek(0)
        value = np.lib.format.read_array(file, allow_pickle=False)
    if key == "dale_ratio" and value.shape == () and value.dtype.kind == "f":
        return None if np.isnan(value) else float(value)
    if key == "transfer_function" and value.shape == ():
        return str(value)
    return value


def _refused(path: str, key: str) -> ParameterError:
    return ParameterError(
        f"{path}: {key!r} holds a pickled object. Opening it could run code from the file, so it "
        "was refused and nothing was run. Save the weights again as plain arrays."
    )


class _Inert:
    """Stands for everything a pickled array is rebuilt with; keeps what it is given."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Function:
    """Stands for a transfer function that a pickle refers to by name."""

    def __init__(self, name: str) -> None:
        self.name = name


class _AllowList(pickle.Unpickler):
    """Finds inert stand-ins for exactly known names; no import, no call into other code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ARRAY_NAMES:
            return _Inert
        if name in _FUNCTION_HOMES.get(module, ()):
            return _Function(name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(file)
    return shape, dtype


def _read_old_entry(file: IO[bytes], path: str, key: str) -> Any:
    """Read the one object in a 0-d object array as PsychRNN 1.0 saved it, after its header."""
    try:
        data = file.read()
        for opcode, argument, _ in pickletools.genops(data):  # reads, and runs nothing
            if "PUT" in opcode.name and argument is not None and int(argument) > _MOST_MEMORIES:
                raise pickle.UnpicklingError("a memory out of bounds")
        file = io.BytesIO(data)
        content = _AllowList(file).load().state[-1]
        (value,) = content
    except Exception as reason:
        raise _refused(path, key) from reason
    value = value.name if isinstance(value, _Function) else value
    expected = str if key == "transfer_function" else (float, int, type(None))
    if not isinstance(value, expected):
        raise _refused(path, key)
    return value
