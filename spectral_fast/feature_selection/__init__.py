"""Selection of the channels that predict a property."""

__all__: list[str] = []
