"""``aune bundle``: verify, inspect, predict, without the lab's packages; page, with them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.edge.errors import TableError, UsageError
from usecases.cli.shared import (
    AsJson,
    BundlePath,
    TrustedKey,
    closing,
    group,
    open_bundle,
    print_json,
)

if TYPE_CHECKING:
    from common.edge.bundle import Bundle

__all__ = ["bundle_app"]

bundle_app = group("Bundles: verify, inspect, predict, page.")


@bundle_app.command("verify")
def bundle_verify(bundle: BundlePath, key: TrustedKey = None, *, as_json: AsJson = False) -> None:
    """Verify signature, checksums, operators and golden rows."""
    opened = open_bundle(bundle, key)
    manifest = opened.manifest
    if as_json:
        print_json({"verified": True, "signer": opened.signer, "digest": opened.digest})
        return
    closing(
        f"paquet intègre : {manifest.usecase} / {manifest.task} {manifest.version}, "
        f"{manifest.golden_rows} lignes étalons rejouées, clé {opened.signer}",
        str(bundle),
        f"aune bundle inspect {bundle}",
    )


@bundle_app.command("inspect")
def bundle_inspect(bundle: BundlePath, key: TrustedKey = None, *, as_json: AsJson = False) -> None:
    """Say what a bundle takes, gives and rests on."""
    from common.edge.description import describe

    opened = open_bundle(bundle, key)
    if as_json:
        print_json(opened.inspect())
        return
    typer.echo(describe(opened))
    closing("paquet décrit", str(bundle), f"aune bundle predict {bundle} ENTREES.npz")


@bundle_app.command("predict")
def bundle_predict(
    bundle: BundlePath,
    inputs: Annotated[Path, typer.Argument(help="npz file with one array per input.")],
    out: Annotated[Path, typer.Option(help="npz file to write.")] = Path("predictions.npz"),
    key: TrustedKey = None,
    state: Annotated[
        Path | None, typer.Option(help="State file of aune calibrate: each site's offsets.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Site of all rows; else the npz file's array site.")
    ] = None,
) -> None:
    """Predict from arrays of raw inputs, one row each, without the lab's packages."""
    import numpy as np

    opened = open_bundle(bundle, key)
    arrays = _arrays(inputs)
    sites = arrays.pop("site", None)
    if state is not None and arrays:
        rows = len(next(iter(arrays.values())))
        sites = np.full(rows, site) if site is not None else sites
        arrays |= _state_inputs(opened, state, sites, taken=set(arrays))
    outputs = opened.predict(arrays)
    saved: dict[str, Any] = dict(outputs)
    np.savez(out, **saved)
    rows = len(next(iter(outputs.values())))
    closing(f"{rows} lignes prédites", str(out), f"aune bundle inspect {bundle}")


@bundle_app.command("page")
def bundle_page(
    bundle: BundlePath,
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("results/page"),
    key: TrustedKey = None,
) -> None:
    """Write a page that runs the bundle in a browser: no server, no network."""
    from common.edge.archive import Limits, read_files
    from common.lab.browser.page import write_browser_page

    opened = open_bundle(bundle, key)
    page = write_browser_page(opened, read_files(bundle, Limits())["model.onnx"], out)
    closing("page écrite : elle calcule dans le navigateur", str(page), f"ouvrir {page}")


def _arrays(path: Path) -> dict[str, Any]:
    """Read an npz file of inputs."""
    import zipfile

    import numpy as np

    if not path.is_file():
        raise UsageError(f"there is no file {path}", expected="an npz file with one array an input")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise TableError(
            f"{path.name} cannot be read: {error}",
            expected="an npz file of plain arrays, one for each input",
            remedy="write it with numpy.savez",
        ) from error


def _state_inputs(opened: "Bundle", path: Path, sites: Any, *, taken: set[str]) -> dict[str, Any]:
    """Return each row's calibrated inputs."""
    from common.lab.state import read_state

    if sites is None:
        raise UsageError(
            "a state without a site", expected="--site NAME, or an array site in the npz file"
        )
    inputs = read_state(path).inputs(opened, sites)
    doubled = sorted(taken & set(inputs))
    if doubled:
        raise UsageError(
            f"{', '.join(doubled)} both in the npz file and in the state", expected="one of them"
        )
    return inputs
