"""Layers and networks, as Keras layers on TensorFlow."""

import os
import sys
import tempfile


def start_quietly() -> None:
    """Import TensorFlow and Keras without the notes they write to standard error while they start."""
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Some notes obey no setting and are written by C++, past `sys.stderr`.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        except BaseException:
            notes.seek(0)
            os.write(kept, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
