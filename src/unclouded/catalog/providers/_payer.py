"""Sinergise's buckets on AWS, which bill whoever reads them."""

from unclouded.catalog._records import Context
from unclouded.catalog._s3 import S3, Bucket
from unclouded.core.errors import ServiceError

L1C_BUCKET = "sentinel-s2-l1c"
L2A_BUCKET = "sentinel-s2-l2a"
REGION = "eu-central-1"


def open_payer_buckets(context: Context) -> S3:
    """Both buckets, opened with the user's own key.

    Raises:
        ServiceError: no key.
    """
    login = context.credentials.aws
    if login is None:
        raise ServiceError(
            "aws: expected a key of AWS, found none; these buckets bill the reader: set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or take another --provider (google needs none)"
        )
    buckets = tuple(
        Bucket(name=name, endpoint=context.endpoints["aws"], region=REGION, payer=True, login=login)
        for name in (L1C_BUCKET, L2A_BUCKET)
    )
    return S3(buckets, patience=context.patience)
