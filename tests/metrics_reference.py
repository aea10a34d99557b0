"""`uv run python -m tests.metrics_reference`: write `server/deploy/METRICS.md` from the catalog of metrics.

`tests/server/deploy/test_metrics_reference.py` fails while the file is another than this command would write.
"""

from collections.abc import Sequence
from pathlib import Path

from server.observability.metric import Metric
from server.observability.metric_catalog import LABELS, METRICS
from server.observability.metrics import MAX_SERIES

ROOT = Path(__file__).parent.parent
FILE = ROOT / "server" / "deploy" / "METRICS.md"
COMMAND = "uv run python -m tests.metrics_reference"
PROCESS = {
    "process_cpu_seconds_total": ("counter", "seconds", "CPU time of the gateway's process."),
    "process_max_fds": ("gauge", "", "File descriptors that it may have."),
    "process_open_fds": ("gauge", "", "File descriptors that it has."),
    "process_resident_memory_bytes": ("gauge", "bytes", "Memory that it has in use."),
    "process_start_time_seconds": ("gauge", "seconds", "When it started, in seconds since the epoch."),
    "process_virtual_memory_bytes": ("gauge", "bytes", "Memory that it has addresses for."),
}
"""What prometheus-client tells of a process by itself, on Linux."""
_HEAD = f"""\
# Metrics

Every metric of a gateway. The command `{COMMAND}` writes this file: change `server/observability/metric_catalog.py`,
then run that.

## Read them

```toml
[metrics]
port = 9464                                # http://127.0.0.1:9464/metrics, for a Prometheus on this machine
```

```toml
[metrics]
token = "file:.ailyus/secrets/metrics"     # /metrics of the gateway's own port, for whoever brings this bearer token
```

```toml
[metrics]
host = "0.0.0.0"                           # off loopback, plain HTTP is answered to these proxies alone
port = 9464
tls_terminated_by = ["10.1.0.0/16"]
```

`/metrics` answers in OpenMetrics 1.0 where a scraper accepts that, as Prometheus does, and else in the text format
0.0.4. A page is given again for a second. What comes from the store is read every 5 s, beside the event loop; while the
store cannot be read, its series are gone and `ailyus_store_readable` is 0.

`[telemetry]` sends the same metrics by OTLP. Prometheus, and a collector that passes them on to Prometheus, make of the
OTLP names those of `/metrics`. Replicas of one store tell the same of it: take the `max` of these series, not the sum.

`prometheus-alerts.yaml` has alert rules, `grafana-dashboard.json` a dashboard (import it, and choose the data source).
All three files are in the wheel, in the folder `server/deploy`.

## The metrics

"read" means that a value is read when somebody asks; every other one is counted or measured as it happens, from the
start of the process on. A histogram has `_bucket`, `_sum` and `_count` behind its name.

"""
_LABELS_HEAD = f"""
## The labels

A label holds a name that the release declares, a status, or a number: never a person, the id of a record or an action,
or what an agent wrote. A metric has {MAX_SERIES:,} sets of labels at most; what would be one more is counted under
`other`.

"""
_PROCESS_HEAD = """
## The process

At `/metrics` alone, with Prometheus's own names, on Linux. `target_info` names the service and its version.

"""


def text() -> str:
    """The whole document."""
    return "".join((_HEAD, _metrics(), _LABELS_HEAD, _labels(), _PROCESS_HEAD, _process()))


def _metrics() -> str:
    head = ("OpenTelemetry", "Prometheus", "type", "unit", "labels", "meaning")
    return _table(head, [_row(metric) for metric in METRICS])


def _row(metric: Metric) -> tuple[str, ...]:
    kind = f"{metric.kind}, read" if metric.read else metric.kind
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return (
        f"`{metric.name}`",
        f"`{metric.series}`",
        kind,
        metric.suffix or metric.unit.strip("{}"),
        labels,
        metric.meaning,
    )


def _labels() -> str:
    rows = [(f"`{name}`", f"`{name.replace('.', '_')}`", meaning) for name, meaning in LABELS.items()]
    return _table(("OpenTelemetry", "Prometheus", "what it holds"), rows)


def _process() -> str:
    rows = [(f"`{name}`", *said) for name, said in PROCESS.items()]
    return _table(("Prometheus", "type", "unit", "meaning"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join((lines[0], "|" + "---|" * len(head), *lines[1:])) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
