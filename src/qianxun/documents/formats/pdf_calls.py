"""pdfium's functions with plain numbers for arguments: what Python wraps around a call costs more than most calls.

Handles and addresses are ints; a handle that could not be had is None. Whoever opens something closes it. Knows
nothing of what the functions are called for.
"""

import ctypes
import functools
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Handle: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Calls:
    """Each is the function of fpdfview.h, fpdf_text.h, fpdf_edit.h, fpdf_annot.h, fpdf_formfill.h or
    fpdf_flatten.h that is named behind it."""

    load_page: Callable[[Handle, int], Handle | None]  # FPDF_LoadPage
    close_page: Callable[[Handle], None]  # FPDF_ClosePage
    page_width: Callable[[Handle], float]  # FPDF_GetPageWidthF: points
    page_height: Callable[[Handle], float]  # FPDF_GetPageHeightF
    rotation: Callable[[Handle], int]  # FPDFPage_GetRotation: quarter turns, clockwise
    load_text: Callable[[Handle], Handle | None]  # FPDFText_LoadPage
    close_text: Callable[[Handle], None]  # FPDFText_ClosePage
    count_chars: Callable[[Handle], int]  # FPDFText_CountChars
    text: Callable[[Handle, int, int, int], int]  # FPDFText_GetText: from, how many, where to
    unicode: Callable[[Handle, int], int]  # FPDFText_GetUnicode
    loose_box: Callable[[Handle, int, int], int]  # FPDFText_GetLooseCharBox: 4 floats: left, top, right, bottom
    text_object: Callable[[Handle, int], Handle | None]  # FPDFText_GetTextObject: what a character belongs to
    font_size: Callable[[Handle, int], float]  # FPDFText_GetFontSize
    angle: Callable[[Handle, int], float]  # FPDFText_GetCharAngle: radians
    count_objects: Callable[[Handle], int]  # FPDFPage_CountObjects
    object_at: Callable[[Handle, int], Handle | None]  # FPDFPage_GetObject
    object_type: Callable[[Handle], int]  # FPDFPageObj_GetType
    matrix: Callable[[Handle, int], int]  # FPDFPageObj_GetMatrix: 6 floats
    bounds: Callable[[Handle, int, int, int, int], int]  # FPDFPageObj_GetBounds: left, bottom, right, top
    count_in_form: Callable[[Handle], int]  # FPDFFormObj_CountObjects
    form_object_at: Callable[[Handle, int], Handle | None]  # FPDFFormObj_GetObject
    draw_mode: Callable[[Handle, int, int], int]  # FPDFPath_GetDrawMode: how it is filled, whether it is stroked
    count_segments: Callable[[Handle], int]  # FPDFPath_CountSegments
    segment_at: Callable[[Handle, int], Handle | None]  # FPDFPath_GetPathSegment
    segment_type: Callable[[Handle], int]  # FPDFPathSegment_GetType
    segment_point: Callable[[Handle, int, int], int]  # FPDFPathSegment_GetPoint
    segment_closes: Callable[[Handle], int]  # FPDFPathSegment_GetClose
    count_annotations: Callable[[Handle], int]  # FPDFPage_GetAnnotCount
    annotation_at: Callable[[Handle, int], Handle | None]  # FPDFPage_GetAnnot
    annotation_type: Callable[[Handle], int]  # FPDFAnnot_GetSubtype
    annotation_place: Callable[[Handle, int], int]  # FPDFAnnot_GetRect: 4 floats: left, top, right, bottom
    close_annotation: Callable[[Handle], None]  # FPDFPage_CloseAnnot
    draw_fields: Callable[[Handle, Handle], None]  # FORM_OnAfterLoadPage: those without a look get one
    leave_fields: Callable[[Handle, Handle], None]  # FORM_OnBeforeClosePage
    flatten: Callable[[Handle, int], int]  # FPDFPage_Flatten: annotations become content, of a page loaded anew


@functools.cache
def calls() -> Calls:
    """pdfium's functions, bound once in a process."""
    import pypdfium2.raw as pdfium

    number, real, single, at = ctypes.c_int, ctypes.c_double, ctypes.c_float, ctypes.c_void_p

    def bound(function: Any, result: Any, *arguments: Any) -> Any:
        address = ctypes.cast(function, at).value
        assert address is not None
        # Without letting other threads run in between: nearly all of these take less time than that would.
        return ctypes.PYFUNCTYPE(result, *arguments)(address)

    return Calls(
        load_page=bound(pdfium.FPDF_LoadPage, at, at, number),
        close_page=bound(pdfium.FPDF_ClosePage, None, at),
        page_width=bound(pdfium.FPDF_GetPageWidthF, single, at),
        page_height=bound(pdfium.FPDF_GetPageHeightF, single, at),
        rotation=bound(pdfium.FPDFPage_GetRotation, number, at),
        load_text=bound(pdfium.FPDFText_LoadPage, at, at),
        close_text=bound(pdfium.FPDFText_ClosePage, None, at),
        count_chars=bound(pdfium.FPDFText_CountChars, number, at),
        text=bound(pdfium.FPDFText_GetText, number, at, number, number, at),
        unicode=bound(pdfium.FPDFText_GetUnicode, ctypes.c_uint, at, number),
        loose_box=bound(pdfium.FPDFText_GetLooseCharBox, number, at, number, at),
        text_object=bound(pdfium.FPDFText_GetTextObject, at, at, number),
        font_size=bound(pdfium.FPDFText_GetFontSize, real, at, number),
        angle=bound(pdfium.FPDFText_GetCharAngle, single, at, number),
        count_objects=bound(pdfium.FPDFPage_CountObjects, number, at),
        object_at=bound(pdfium.FPDFPage_GetObject, at, at, number),
        object_type=bound(pdfium.FPDFPageObj_GetType, number, at),
        matrix=bound(pdfium.FPDFPageObj_GetMatrix, number, at, at),
        bounds=bound(pdfium.FPDFPageObj_GetBounds, number, at, at, at, at, at),
        count_in_form=bound(pdfium.FPDFFormObj_CountObjects, number, at),
        form_object_at=bound(pdfium.FPDFFormObj_GetObject, at, at, ctypes.c_ulong),
        draw_mode=bound(pdfium.FPDFPath_GetDrawMode, number, at, at, at),
        count_segments=bound(pdfium.FPDFPath_CountSegments, number, at),
        segment_at=bound(pdfium.FPDFPath_GetPathSegment, at, at, number),
        segment_type=bound(pdfium.FPDFPathSegment_GetType, number, at),
        segment_point=bound(pdfium.FPDFPathSegment_GetPoint, number, at, at, at),
        segment_closes=bound(pdfium.FPDFPathSegment_GetClose, number, at),
        count_annotations=bound(pdfium.FPDFPage_GetAnnotCount, number, at),
        annotation_at=bound(pdfium.FPDFPage_GetAnnot, at, at, number),
        annotation_type=bound(pdfium.FPDFAnnot_GetSubtype, number, at),
        annotation_place=bound(pdfium.FPDFAnnot_GetRect, number, at, at),
        close_annotation=bound(pdfium.FPDFPage_CloseAnnot, None, at),
        draw_fields=bound(pdfium.FORM_OnAfterLoadPage, None, at, at),
        leave_fields=bound(pdfium.FORM_OnBeforeClosePage, None, at, at),
        flatten=bound(pdfium.FPDFPage_Flatten, number, at, number),
    )


def handle_of(document: Any) -> Handle:
    """The handle of a `pypdfium2.PdfDocument`, which must outlive it."""
    address = ctypes.cast(document.raw, ctypes.c_void_p).value
    assert address is not None  # pypdfium2 raises where there is none
    return address


def form_of(document: Any) -> Handle | None:
    """The handle of what draws a `pypdfium2.PdfDocument`'s form, which must outlive it; None if it has no form."""
    import pypdfium2

    if not document.get_formtype():
        return None
    try:
        document.init_forms()
    except pypdfium2.PdfiumError:
        return None  # costs the values that nobody has drawn
    return None if document.formenv is None else ctypes.cast(document.formenv.raw, ctypes.c_void_p).value


def floats(n: int) -> tuple["array[float]", int]:
    """Room for n single precision numbers, and its address; it stays where it is while its length does."""
    values = array("f", bytes(4 * n))
    return values, values.buffer_info()[0]
