"""Which component a channel records: by the conventions for its name, or as the user says."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.wording import listed

_AXES = re.compile(r"(U-?D|N-?S|E-?W)(\d?)")  # K-NET; KiK-net adds a number for the instrument
_OF_AXIS = {"U": "Z", "N": "N", "E": "E"}
_LONG = re.compile(r"(.+)([ZNE]|(?<=_)[123])")  # such as velZ, or H_H_1 in FDSN source identifiers

INSTRUMENTS = ("HH", "BH", "EH", "SH", "HN", "EN", "HL", "EL")
"""Band and instrument codes in order of preference: broadband, short-period, strong motion, low gain."""

EXAMPLE = "{'Z': 'UD', 'N': 'NS', 'E': 'EW'}"


class ChannelCode(NamedTuple):
    """What a channel name consists of.

    Attributes
    ----------
    instrument : str
        What the names of the components of one instrument share.
    component : str
        One letter or digit; the whole name if no convention splits it.
    """

    instrument: str
    component: str


def channel_code(name: str) -> ChannelCode:
    """Split a channel name by the conventions that leave no doubt.

    The last character of a SEED code is its component, whatever its case, and blanks around it do not count. K-NET and
    KiK-net write UD, NS and EW, followed by the number of the instrument. A longer name has a component if it ends in
    the capital Z, N or E. Numbers name no component.

    Examples
    --------
    >>> [tuple(channel_code(name)) for name in ("HHZ", "hhz ", "NS1", "velZ", "ch01")]
    [('HH', 'Z'), ('HH', 'Z'), ('1', 'N'), ('vel', 'Z'), ('', 'ch01')]
    """
    name = name.strip()
    code = name.upper()
    if axis := _AXES.fullmatch(code):
        return ChannelCode(axis[2], _OF_AXIS[code[0]])
    if len(code) == 1 or (len(code) <= 3 and not code.isdigit()):
        return ChannelCode(code[:-1], code[-1:])
    if long := _LONG.fullmatch(name):
        return ChannelCode(long[1], long[2])
    return ChannelCode("", name)


def standard_codes(codes: Collection[str], known: Collection[str], flexible: bool = True) -> dict[str, str]:
    """Replace the component codes of a station that mean another one beside the others.

    U is up beside N and E, as in WIN files; beside V and W it is one of three inclined sensors, and stays U. In Z, 2
    and 3, the horizontals are orthogonal and of unknown direction, like 1 and 2, as which they count.

    Parameters
    ----------
    codes : collection of str
        Component codes of the station.
    known : collection of str
        Component codes of the model, which keep their meaning.
    flexible : bool
        Whether 2 and 3 may replace 1 and 2.

    Examples
    --------
    >>> standard_codes("UNE", "ZNE")
    {'U': 'Z', 'N': 'N', 'E': 'E'}
    >>> standard_codes("Z23", "ZNE")
    {'Z': 'Z', '2': '1', '3': '2'}
    """
    found, others = {*codes}, {}
    if {"U", "N", "E"} <= found and not {"Z", "V", "W"} & found and "U" not in known:
        others["U"] = "Z"
    if flexible and {"Z", "2", "3"} <= found and not {"1", "N", "E"} & found and "3" not in known:
        others |= {"2": "1", "3": "2"}
    return {code: others.get(code, code) for code in codes}


@dataclass(frozen=True)
class Channels:
    """Channel names whose components the user states; all others follow the conventions.

    Attributes
    ----------
    components : mapping from channel to component

    Examples
    --------
    >>> channels = Channels.of({"Z": "C00", "N": "C01", "E": "C02"}, "ZNE")
    >>> channels.code("C02"), channels.code("HHZ")
    (ChannelCode(instrument='C0', component='E'), ChannelCode(instrument='HH', component='Z'))
    """

    components: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, chosen: Any, known: Collection[str]) -> Self:
        """Check a mapping from component to channel.

        Parameters
        ----------
        chosen : mapping of str or None
            Such as {"Z": "UD", "N": "NS", "E": "EW"}.
        known : collection of str
            Component codes that the model takes.

        Raises
        ------
        ConfigurationError
            If it is no such mapping, a component is unknown, or two components come from one channel.
        """
        if chosen is None:
            return cls()
        if not isinstance(chosen, Mapping) or not all(isinstance(x, str) for pair in chosen.items() for x in pair):
            raise ConfigurationError(
                f"channels must map components to channel names, such as {EXAMPLE}, but is {chosen!r}"
            )
        components: dict[str, str] = {}
        for component, channel in ((one.strip(), other.strip()) for one, other in chosen.items()):
            if component not in known:
                raise ConfigurationError(
                    f"channels maps the component {component!r}, which the model does not have: its components are "
                    f"{', '.join(known)}, as in {EXAMPLE}"
                )
            if channel in components:
                raise ConfigurationError(
                    f"channels takes components {components[channel]} and {component} from one channel, {channel!r}"
                )
            components[channel] = component
        return cls(components)

    def code(self, name: str) -> ChannelCode:
        """Return instrument and component of a channel; the stated channels of a station are one instrument."""
        name = name.strip()
        if name not in self.components:
            return channel_code(name)
        instruments = {channel_code(channel).instrument for channel in self.components}
        if len(instruments) > 1:
            alike = takewhile(lambda letters: len({*letters}) == 1, zip(*self.components, strict=False))
            instruments = {"".join(letters[0] for letters in alike)}
        return ChannelCode(instruments.pop(), self.components[name])

    def rows(self, names: Collection[str], rows: Mapping[str, int]) -> dict[str, int]:
        """Return the row of each channel of a station that has one.

        Parameters
        ----------
        names : collection of str
        rows : mapping from component to row
            `Preprocessing.component_rows`.
        """
        codes = {name: self.code(name).component for name in names}
        found = {name: rows[code] for name, code in codes.items() if code in rows}
        stated = {found[name] for name in found if name in self.components}
        return {name: row for name, row in found.items() if name in self.components or row not in stated}

    def check(self, names: Collection[str]) -> None:
        """Refuse stated channels that are not among those of a stream.

        Raises
        ------
        ConfigurationError
        """
        for channel, component in self.components.items():
            if channel not in names:
                raise ConfigurationError(
                    f"channels says that component {component} is {channel!r}, but no trace has this channel; the "
                    f"stream has {listed(sorted(name or '(no code)' for name in names))}"
                )
