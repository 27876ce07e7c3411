"""What a user of the public Python package dicomweb-client does: search, retrieve in every form, store.

Run with the Base URI of a server as its argument; a failure of one step does not keep the others from being tried.
"""

from __future__ import annotations

import copy
import io
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pydicom
from dicomweb_client.api import DICOMwebClient

JPEG = ("image/jpeg", "1.2.840.10008.1.2.4.50")


def main(url: str) -> int:
    """The number of steps that the client itself gave up."""
    client = DICOMwebClient(url=url)
    studies = client.search_for_studies(search_filters={"ModalitiesInStudy": "CT"}, limit=1)
    study = next((s["0020000D"]["Value"][0] for s in studies), "1.2.3")
    instances = client.search_for_instances(study_instance_uid=study)
    row = instances[0] if instances else {}
    series, instance = (row[tag]["Value"][0] if tag in row else "" for tag in ("0020000E", "00080018"))
    one = (study, series, instance)
    steps: list[Callable[[], Any]] = [
        lambda: client.search_for_studies(fields=["00081030", "StudyInstanceUID"], offset=1, fuzzymatching=True),
        lambda: client.search_for_studies(get_remaining=True, limit=4),
        lambda: client.search_for_series(search_filters={"Modality": "CT"}),
        lambda: client.search_for_series(study_instance_uid=study),
        lambda: client.search_for_instances(),
        lambda: client.retrieve_study_metadata(study),
        lambda: client.retrieve_study(study),
    ]
    if instance:
        steps += [
            lambda: client.retrieve_series_metadata(study, series),
            lambda: client.retrieve_series(study, series),
            lambda: client.retrieve_instance(*one),
            lambda: client.retrieve_instance(*one, media_types=(("application/dicom", "*"),)),
            lambda: client.retrieve_instance_metadata(*one),
            lambda: client.retrieve_instance_frames(*one, frame_numbers=[1]),
            lambda: client.retrieve_instance_frames(*one, frame_numbers=[1], media_types=(JPEG,)),
            lambda: client.retrieve_instance_rendered(*one),
            lambda: client.retrieve_bulkdata(f"{url}/studies/{study}/bulkdata"),
            lambda: client.store_instances([_copy(client.retrieve_instance(*one))]),
            lambda: client.store_instances([_copy(client.retrieve_instance(*one))], study_instance_uid=study),
        ]
    return sum(not _tried(step) for step in steps)


def _copy(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """The same instance under another UID, which has a name in the study."""
    made = copy.deepcopy(dataset)
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(prefix="2.25.")
    held = io.BytesIO()
    made.save_as(held)
    return pydicom.dcmread(io.BytesIO(held.getvalue()))


def _tried(step: Callable[[], Any]) -> bool:
    try:
        step()
    except Exception:
        sys.stderr.write(f"{traceback.format_exc().strip().splitlines()[-1]}\n")
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1])} steps were given up\n")
