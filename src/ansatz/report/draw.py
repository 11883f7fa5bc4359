"""From a figure's data to a drawing of it: one drawer for each kind."""

from functools import singledispatch

from matplotlib.figure import Figure as Canvas

from ansatz.protocol.figures import Figure


@singledispatch
def draw(figure: Figure, width: float) -> Canvas:
    """A drawing `width` pixels wide; another kind of figure registers a drawer of its own."""
    raise ValueError(
        f"No drawer is registered for a {type(figure).__name__}; register one by `@draw.register`."
    )
