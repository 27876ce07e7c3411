"""Presentation states: what they refer to, and what they do to a picture (PS3.4 N.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from simulators.render import profile
from simulators.render.render import media_types
from simulators.render.state import Reference, State
from simulators.render.view import TooLarge, Unrenderable, View, Viewport, Window
from tests.simulators.render.pictures import colour, grey, more_of, seen
from tests.simulators.render.test_render_documents import plain

GREY, COLOUR, PSEUDO = (f"1.2.840.10008.5.1.4.1.1.11.{n}" for n in (1, 2, 3))
VALUES = [[0, 10, 20], [30, 40, 50]]


def items(*values: dict[str, Any]) -> list[Dataset]:
    return [more_of(Dataset(), each) for each in values]


def state(**values: Any) -> Dataset:
    image = items({"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "ReferencedSOPInstanceUID": "1.2.1.1.1"})
    series = items({"SeriesInstanceUID": "1.2.1.1", "ReferencedImageSequence": image})
    common = {"SOPClassUID": GREY, "SeriesInstanceUID": "1.2.1.9", "SOPInstanceUID": "1.2.1.9.1", "Modality": "PR"}
    return plain(**{**common, "PresentationLUTShape": "IDENTITY", "ReferencedSeriesSequence": series, **values})


def shown(hold: Any, image: Dataset, made: Dataset, **view: Any) -> Any:
    return seen(hold(image), View(state=hold(made), **view))


def area(left: int, top: int, right: int, bottom: int, mode: str = "SCALE TO FIT", **more: Any) -> list[Dataset]:
    return items({
        "DisplayedAreaTopLeftHandCorner": [left, top], "DisplayedAreaBottomRightHandCorner": [right, bottom],
        "PresentationSizeMode": mode, "PresentationPixelAspectRatio": ["1", "1"], **more,
    })  # fmt: skip


def test_a_state_names_its_images(hold: Any) -> None:
    held = hold(state())
    assert State(held).references() == (Reference("1.2.1.1", "1.2.1.1.1"),)
    assert media_types(held) == ()


def test_the_steps_of_the_state_replace_those_of_the_image(hold: Any) -> None:
    image = grey(VALUES, WindowCenter="1", WindowWidth="1", RescaleSlope="2", RescaleIntercept="100",
                 PhotometricInterpretation="MONOCHROME1")  # fmt: skip
    voi = items({"WindowCenter": "25", "WindowWidth": "1"})
    assert shown(hold, image, state(SoftcopyVOILUTSequence=voi)).tolist() == [[0, 0, 0], [255, 255, 255]]
    assert shown(hold, image, state()).tolist() == VALUES  # nothing of the image is left


def test_a_window_of_the_view_does_not_count_beside_a_state(hold: Any) -> None:
    assert shown(hold, grey(VALUES), state(), window=Window(25, 1)).tolist() == VALUES


def test_an_inverse_shape_inverts_once(hold: Any) -> None:
    made = shown(hold, grey(VALUES, PhotometricInterpretation="MONOCHROME1"), state(PresentationLUTShape="INVERSE"))
    assert made.tolist() == (255 - np.array(VALUES)).tolist()


def test_items_for_other_images_do_not_apply(hold: Any) -> None:
    other = items({"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "ReferencedSOPInstanceUID": "1.2.9"})
    voi = items(
        {"WindowCenter": "5", "WindowWidth": "1", "ReferencedImageSequence": other},
        {"WindowCenter": "25", "WindowWidth": "1"},
    )
    assert shown(hold, grey(VALUES), state(SoftcopyVOILUTSequence=voi)).tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    ("degrees", "flip", "want"),
    [
        (0, "Y", [[20, 10, 0], [50, 40, 30]]),
        (90, "N", [[30, 0], [40, 10], [50, 20]]),
        (180, "N", [[50, 40, 30], [20, 10, 0]]),
        (270, "N", [[20, 50], [10, 40], [0, 30]]),
        (90, "Y", [[0, 30], [10, 40], [20, 50]]),
    ],
)
def test_turning_comes_before_mirroring(hold: Any, degrees: int, flip: str, want: list[list[int]]) -> None:
    made = state(ImageRotation=degrees, ImageHorizontalFlip=flip, DisplayedAreaSelectionSequence=area(1, 1, 3, 2))
    assert shown(hold, grey(VALUES), made).tolist() == want


def test_the_displayed_area_is_cut_out_and_black_beside_the_image(hold: Any) -> None:
    inside = state(DisplayedAreaSelectionSequence=area(2, 1, 3, 2))
    assert shown(hold, grey(VALUES), inside).tolist() == [[10, 20], [40, 50]]
    beyond = state(DisplayedAreaSelectionSequence=area(0, 1, 4, 3))
    assert shown(hold, grey(VALUES), beyond).tolist() == [[0, 0, 10, 20, 0], [0, 30, 40, 50, 0], [0, 0, 0, 0, 0]]


def test_magnified_areas_grow_and_are_cut_by_the_viewport(hold: Any) -> None:
    made = state(DisplayedAreaSelectionSequence=area(1, 1, 3, 2, "MAGNIFY", PresentationPixelMagnificationRatio=4.0))
    assert shown(hold, grey(VALUES), made).shape == (8, 12)
    assert shown(hold, grey(VALUES), made, viewport=Viewport(5, 100)).shape == (8, 5)
    huge = state(DisplayedAreaSelectionSequence=area(1, 1, 3, 2, "MAGNIFY", PresentationPixelMagnificationRatio=1e9))
    with pytest.raises(TooLarge):
        shown(hold, grey(VALUES), huge)


@pytest.mark.parametrize("corner", [2**31 - 1, -(2**31)])
def test_areas_without_bounds_have_bounds(hold: Any, corner: int) -> None:
    made = state(DisplayedAreaSelectionSequence=area(1, 1, corner, corner))
    with pytest.raises(TooLarge):
        shown(hold, grey(VALUES), made)
    assert shown(hold, grey(VALUES), made, viewport=Viewport(20, 20)).max() <= 50


def test_shutters_close_what_is_beside_them(hold: Any) -> None:
    image = grey(np.full((5, 5), 200))
    made = state(
        ShutterShape="RECTANGULAR",
        ShutterLeftVerticalEdge="2",
        ShutterRightVerticalEdge="3",
        ShutterUpperHorizontalEdge="2",
        ShutterLowerHorizontalEdge="2",
        ShutterPresentationValue=0x4000,
    )
    found = shown(hold, image, made)
    assert found[1].tolist() == [64, 200, 200, 64, 64]
    assert (found == 200).sum() == 2
    circle = state(ShutterShape="CIRCULAR", CenterOfCircularShutter=["3", "3"], RadiusOfCircularShutter="1")
    found = shown(hold, image, circle)
    assert found[2, 2] == 200
    assert found[0, 0] == 0


def test_graphics_and_texts_are_drawn(hold: Any) -> None:
    line = items({"GraphicAnnotationUnits": "PIXEL", "GraphicDimensions": 2, "NumberOfGraphicPoints": 2,
                  "GraphicData": [0.0, 5.0, 40.0, 5.0], "GraphicType": "POLYLINE", "GraphicFilled": "N"})  # fmt: skip
    circle = items({"GraphicAnnotationUnits": "DISPLAY", "GraphicDimensions": 2, "NumberOfGraphicPoints": 2,
                    "GraphicData": [0.5, 0.5, 0.75, 0.5], "GraphicType": "CIRCLE", "GraphicFilled": "Y"})  # fmt: skip
    image = grey(np.zeros((40, 40)))
    drawn = shown(
        hold,
        image,
        state(GraphicAnnotationSequence=items({"GraphicLayer": "A", "GraphicObjectSequence": line + circle})),
    )
    assert (drawn[5] == 255).all()
    assert drawn[20, 20] == 255
    assert drawn[38, 38] == 0
    text = items({"UnformattedTextValue": "words", "BoundingBoxAnnotationUnits": "DISPLAY",
                  "BoundingBoxTopLeftHandCorner": [0.1, 0.5]})  # fmt: skip
    written = shown(
        hold, image, state(GraphicAnnotationSequence=items({"GraphicLayer": "A", "TextObjectSequence": text}))
    )
    assert written.max() > 200
    assert written[:15].max() == 0


def test_overlays_show_when_the_state_switches_them_on(hold: Any) -> None:
    image = grey(np.zeros((4, 4)))
    image.add_new(0x60000010, "US", 4)
    image.add_new(0x60000011, "US", 4)
    image.add_new(0x60000050, "SS", [1, 1])
    image.add_new(0x60000100, "US", 1)
    image.add_new(0x60003000, "OW", b"\x21\x84")
    made = state()
    assert shown(hold, image, made).max() == 0
    made.add_new(0x60001001, "CS", "LAYER")
    assert np.argwhere(shown(hold, image, made)).tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]


def test_colour_states_bring_their_profile(hold: Any) -> None:
    made = state(SOPClassUID=COLOUR, ICCProfile=profile.known("srgb"))
    del made.PresentationLUTShape
    assert shown(hold, colour([[[1, 2, 3]]]), made).tolist() == [[[1, 2, 3]]]


def test_pseudo_colours_paint_shades(hold: Any) -> None:
    made = state(SOPClassUID=PSEUDO)
    for name, table in (("Red", b"\0\xff"), ("Green", b"\0\0"), ("Blue", b"\xff\0")):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [2, 0, 8])
        made[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(made, f"{name}PaletteColorLookupTableData", table)
    assert shown(hold, grey([[0, 255]]), made).tolist() == [[[0, 0, 255], [255, 0, 0]]]


def test_other_states_are_not_carried_out(hold: Any) -> None:
    with pytest.raises(Unrenderable, match="not carried out"):
        shown(hold, grey(VALUES), state(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.4"))


def test_what_would_have_to_be_hidden_is_not_shown(hold: Any) -> None:
    mask = items({"MaskOperation": "AVG_SUB"})
    for made in (state(MaskSubtractionSequence=mask), state(ShutterShape="BITMAP")):
        with pytest.raises(Unrenderable, match="not carried out"):
            shown(hold, grey(VALUES), made)
