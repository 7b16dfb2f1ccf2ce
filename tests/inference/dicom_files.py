"""Small DICOM radiographs."""

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid


def write_dicom(path, values, **facts):
    """A digital radiograph of 12 bits. :param facts: further attributes."""
    uid = generate_uid(entropy_srcs=[path.name])[:60]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    usual = {
        "SOPClassUID": meta.MediaStorageSOPClassUID, "SOPInstanceUID": uid, "StudyInstanceUID": f"{uid}.1",
        "SeriesInstanceUID": f"{uid}.2", "PatientID": "p", "PatientName": "A^B", "PatientBirthDate": "",
        "PatientSex": "", "Modality": "DX", "StudyDate": "20200102", "StudyTime": "101112", "StudyID": "",
        "AccessionNumber": "", "ReferringPhysicianName": "", "InstanceNumber": 1,
        "Rows": values.shape[-2], "Columns": values.shape[-1], "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
        "PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": values.astype("<u2").tobytes(),
    }  # fmt: skip
    for name, value in {**usual, **facts}.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
