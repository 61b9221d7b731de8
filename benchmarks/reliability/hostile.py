"""Damaged and hostile weight files: each is refused in one sentence, or read as what it is.

Run ``python benchmarks/reliability/hostile.py`` from the root of the checkout. It makes files of
many kinds from a good one and opens each in this process, with a trap that any code in a file
would spring, a limit on time, and a comparison of the networks that could be loaded.
"""

import argparse
import collections
import io
import json
import os
import pickle
import signal
import tempfile
import warnings
import zipfile

import numpy as np

SPRUNG = "psychrnn_trap_was_sprung"  # a variable of the environment that code in a file would set


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return exec, (f"import os; os.environ[{SPRUNG!r}] = '1'",)


def object_array(value):
    """Return the bytes of a 0-d object array, as ``np.save`` writes it."""
    file = io.BytesIO()
    array = np.empty((), dtype=object)
    array[()] = value
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def entries(path):
    """Return the entries of an archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, content, compression=zipfile.ZIP_STORED):
    """Write an archive of (name, bytes) pairs."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # that a name is there twice
        for name, data in content:
            archive.writestr(name, data)


def array(values):
    """Return the bytes of an array."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(values))
    return file.getvalue()


def header(shape, descr="<f4"):
    """Return the bytes of an array that claims a shape and holds nothing."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def foreign_pickle(module, name):
    """Return a 0-d object array whose pickle names any function."""
    start = object_array(None)
    start = start[: start.index(b"\n") + 1]
    body = pickle.dumps(np.array(None, dtype=object), 2).replace(b"N", b"")
    return start + b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"q\x00." + body[:0]


def memo_bomb():
    """Return a 0-d object array whose pickle asks for a large memory."""
    start = object_array(None)
    return (
        start[: start.index(b"\n") + 1] + b"\x80\x02Nr" + (2**32 - 1).to_bytes(4, "little") + b"."
    )


def make(kind, good, path, rng):
    """Write one file of a kind; ``good`` is the path of a sound one."""
    content = entries(good)
    names = list(content)
    name = names[rng.integers(len(names))]
    data = open(good, "rb").read()  # noqa: SIM115
    if kind == "truncated":
        open(path, "wb").write(data[: rng.integers(len(data))])  # noqa: SIM115
        return
    if kind == "bit flip":
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << rng.integers(8)
        open(path, "wb").write(bytes(flipped))  # noqa: SIM115
        return
    if kind == "noise":
        open(path, "wb").write(rng.bytes(2000))  # noqa: SIM115
        return
    weights = [n for n in names if n[0] in "Wb"]
    weight = weights[rng.integers(len(weights))]
    right = np.load(io.BytesIO(content[weight]))
    changed = {
        "wrong shape": lambda: {weight: array(np.ones([n + 1 for n in right.shape]))},
        "wrong type": lambda: {weight: array(np.full((3, 2), "text"))},
        "complex": lambda: {weight: array(1j * right)},
        "NaN": lambda: {weight: array(np.nan * right)},
        "missing entry": lambda: {weight: None},
        "pickle bomb": lambda: {name: object_array(Bomb())},
        "pickle bomb in an old entry": lambda: {"transfer_function.npy": object_array(Bomb())},
        "foreign function": lambda: {"transfer_function.npy": object_array(os.system)},
        "named function": lambda: {"transfer_function.npy": foreign_pickle("os", "system")},
        "endless pickle": lambda: {"dale_ratio.npy": object_array(list(range(10**6)))},
        "pickle of a large memory": lambda: {"dale_ratio.npy": memo_bomb()},
        "claims to be large": lambda: {weight: header((10**6, 10**6))},
        "claims a little more": lambda: {weight: header((7, 4)) + bytes(99)},
        "broken header": lambda: {weight: b"\x93NUMPY\x01\x00\x10\x00{'a': __import__}"},
        "description of code": lambda: {"psychrnn.npy": array("__import__('os').system('x')")},
        "description of a class": lambda: {"psychrnn.npy": array(renamed(content))},
        "description of anything": lambda: {"psychrnn.npy": array(json.dumps([[]] * 99))},
        "description that nests": lambda: {"psychrnn.npy": array("[" * 10**5)},
        "path trick": lambda: {"../../psychrnn_escaped.npy": content[name], weight: None},
        "absolute path": lambda: {"/psychrnn_escaped.npy": content[name], weight: None},
        "no array": lambda: {weight: b"no array"},
    }
    if kind == "zip bomb":
        write(path, [*content.items(), ("W_rec2.npy", bytes(10**8))], zipfile.ZIP_DEFLATED)
    elif kind == "entry twice":
        write(path, [*content.items(), (weight, array(np.ones((9, 9))))])
    else:
        new = {**content, **changed[kind]()}
        write(path, [(n, d) for n, d in new.items() if d is not None])


def renamed(content):
    """Return a description that names a class of its own."""
    about = json.loads(str(np.load(io.BytesIO(content["psychrnn.npy"]))))
    return json.dumps({**about, "class": "os.system"})


KINDS = [
    "truncated", "bit flip", "noise", "wrong shape", "wrong type", "complex", "NaN",
    "missing entry", "pickle bomb", "pickle bomb in an old entry", "foreign function",
    "named function", "endless pickle", "pickle of a large memory",
    "claims to be large", "claims a little more",
    "broken header", "description of code", "description of a class", "description of anything",
    "description that nests", "path trick", "absolute path", "no array", "zip bomb", "entry twice",
]  # fmt: skip


def open_each(files, seconds=20):
    """Open files of many kinds; return a count of what became of them."""
    import psychrnn
    from psychrnn import Basic, ParameterError, PerceptualDiscrimination

    def too_long(*_):
        raise TimeoutError

    found = collections.Counter()
    rng = np.random.default_rng(1)
    task = PerceptualDiscrimination(20, 100, 200, 4, seed=1)
    x = task.get_trial_batch().x
    with tempfile.TemporaryDirectory() as folder:
        good = os.path.join(folder, "good.npz")
        model = Basic.for_task(task, N_rec=7, dale_ratio=0.6, seed=1)
        model.save(good)
        right = model.test(x).outputs
        sizes = {**task.get_task_params(), "N_rec": 7}
        signal.signal(signal.SIGALRM, too_long)
        for number in range(files):
            kind = KINDS[number % len(KINDS)]
            path = os.path.join(folder, f"{number}.npz")
            make(kind, good, path, rng)
            openers = {
                "load": lambda p: psychrnn.load(p),
                "load_weights_path": lambda p, n=number: Basic(
                    {**sizes, "name": f"hostile {n}", "load_weights_path": p}
                ),
            }
            for way, opener in openers.items():
                signal.alarm(seconds)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        outputs = opener(path).test(x).outputs
                    same = np.array_equal(outputs, right)
                    result = "the same network" if same else f"WRONG NETWORK ({kind}, {way})"
                except ParameterError as reason:
                    clear = "\n" not in str(reason) and 20 < len(str(reason)) < 600
                    result = "refused" if clear else f"UNCLEAR ({kind}, {way}): {reason}"
                except TimeoutError:
                    result = f"HANG ({kind}, {way})"
                except BaseException as reason:
                    result = f"OTHER ERROR ({kind}, {way}): {type(reason).__name__}: {reason}"
                finally:
                    signal.alarm(0)
                if SPRUNG in os.environ:
                    del os.environ[SPRUNG]
                    result = f"CODE EXECUTED ({kind}, {way})"
                found[result] += 1
    return found


def main():
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    for result, count in open_each(parser.parse_args().files).most_common():
        print(f"{count:5}  {result}")


if __name__ == "__main__":
    main()
