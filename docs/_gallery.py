"""The order of the examples: as a calibration goes."""

from typing import ClassVar


class Order:
    """Sort key of the gallery; an example without a place comes last."""

    places: ClassVar[list[str]] = [
        "preprocessing",
        "components",
        "selection",
        "search",
        "honest",
        "own_grid",
        "dask",
    ]

    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return the place of an example, then its name."""
        name = filename.removeprefix("plot_").removesuffix(".py")
        place = self.places.index(name) if name in self.places else len(self.places)
        return place, filename
