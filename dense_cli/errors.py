"""Every error densecli raises on purpose.

    DenseCliError (ValueError)        one line that says where, expected, found; `hint` says how to mend it
    ├── FileFormatError               a file is not what it claims to be, or is cut short
    ├── ShapeError                    a shape does not fit: input, kernel, bias, mask, labels
    ├── DtypeError                    numbers of the wrong kind, or out of the dtype's range
    ├── ConfigError                   an unknown name or an argument out of range
    │   ├── UsageError                options that are missing, or that contradict each other
    │   ├── ArgumentError (TypeError) a config's arguments do not fit the class that it names
    │   └── SeedError (OverflowError) a seed that the chosen backend of Keras refuses
    ├── SizeError                     more memory would be taken than is allowed
    └── MissingExtraError             an optional library is not installed

They are ValueErrors because Keras raises ValueError in the same places.
"""

from __future__ import annotations


class DenseCliError(ValueError):
    """The root: ``str(error)`` is the message, ``error.hint`` is None or how to mend it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as message and hint, whatever the arguments were: workers of a cluster raise errors, too."""
        return _again, (type(self), str(self), self.hint)


def _again(cls: type[DenseCliError], message: str, hint: str | None) -> DenseCliError:
    error = cls.__new__(cls, message)
    DenseCliError.__init__(error, message, hint=hint)
    return error


class FileFormatError(DenseCliError):
    """A file is not what it claims to be, or is cut short."""


class ShapeError(DenseCliError):
    """A shape does not fit."""


class DtypeError(DenseCliError):
    """Numbers of the wrong kind, or out of the dtype's range."""


class ConfigError(DenseCliError):
    """An unknown name, or an argument out of range."""


class UsageError(ConfigError):
    """Options that are missing, or that contradict each other."""


class ArgumentError(ConfigError, TypeError):
    """A config's arguments do not fit the class that it names."""


class SeedError(ConfigError, OverflowError):
    """A seed that the chosen backend of Keras refuses."""


class SizeError(DenseCliError):
    """More memory would be taken than is allowed."""


class MissingExtraError(DenseCliError):
    """An optional library is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional library that is not installed",
            hint=f"pip install 'densecli[{extra}]'",
        )


_MOST = 50  # names that a message lists: a graph may have thousands


def nearest(name: str, known: list[str]) -> str:
    """Return a question that names near misses among ``known``, else a list of them.

    >>> nearest("softmx", ["softmax", "relu"]), nearest("x", ["softmax", "relu"])
    ("did you mean 'softmax'?", 'known are softmax, relu')
    """
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return f"known are {', '.join(known[:_MOST])}{more}"
