"""The panel and the map of an event of a SeisBench dataset, as in docs/events.md.

    python benchmarks/event_figure.py ../data/mixed_3c esec_223 --out docs/figures/event.png

The stations of the event become a stream, picks and an inventory, so that the figure is drawn as for any catalogue.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station
from seisbench.data import WaveformDataset

from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.events import Event, Origin, Pick, classify_events
from seisbench_lcl.events.figures import event_panel
from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.events.views import station_views, view_preprocessing
from seisbench_lcl.models.lookup import find_model

COMPONENTS = "ZNE"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="folder of a SeisBench dataset with places of events and stations")
    parser.add_argument("event", help="its source_id")
    parser.add_argument("--weights", default="EnvelopePhysicalRidge/mixed-3c")
    parser.add_argument("--out", default="event.png")
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.dataset, COMPONENTS)
    rows = np.flatnonzero(dataset.metadata["source_id"] == arguments.event).tolist()
    event, stream = event_of(dataset, rows), stream_of(dataset, rows)
    model = find_model(arguments.weights)
    [decision] = classify_events(model, [event], stream)
    preprocessing = view_preprocessing(model)
    inventory = inventory_of(dataset.metadata.iloc[rows])
    views = station_views(decision, StreamSource(stream), preprocessing, inventory=inventory)
    event_panel(decision, views, preprocessing).savefig(arguments.out, dpi=75)


def event_of(dataset: WaveformDataset, rows: Sequence[int]) -> Event:
    """Return the event with one P pick for each trace."""
    metadata = dataset.metadata.iloc[rows]
    first = metadata.iloc[0]
    depth = None if np.isnan(first["source_depth_km"]) else 1000 * first["source_depth_km"]
    place = first["source_latitude_deg"], first["source_longitude_deg"]
    picks = tuple(
        Pick("", start + p / rate, network, station)
        for start, p, rate, network, station in zip(
            map(UTCDateTime, metadata["trace_start_time"]),
            metadata["trace_p_arrival_sample"],
            metadata["trace_sampling_rate_hz"],
            metadata["station_network_code"],
            metadata["station_code"],
            strict=True,
        )
    )
    return Event(first["source_id"], Origin("", UTCDateTime(first["source_origin_time"]), *place, depth), picks)


def stream_of(dataset: WaveformDataset, rows: Sequence[int]) -> obspy.Stream:
    """Return the traces, one for each component."""
    stream = obspy.Stream()
    for row in rows:
        metadata = dataset.metadata.iloc[row]
        rate = float(metadata["trace_sampling_rate_hz"])
        header = {
            "network": metadata["station_network_code"],
            "station": metadata["station_code"],
            "sampling_rate": rate,
            "starttime": UTCDateTime(metadata["trace_start_time"]),
        }
        for component, samples in zip(COMPONENTS, dataset.get_waveforms(row, sampling_rate=rate), strict=True):
            stream.append(obspy.Trace(samples, header | {"channel": metadata["trace_channel"] + component}))
    return stream


def inventory_of(metadata: pd.DataFrame) -> Inventory:
    """Return the places of the stations."""
    columns = ["station_network_code", "station_code", "station_latitude_deg", "station_longitude_deg"]
    return Inventory(
        [Network(network, [Station(code, *place, 0.0)]) for network, code, *place in metadata[columns].to_numpy()]
    )


if __name__ == "__main__":
    main()
