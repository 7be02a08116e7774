"""Make a bucket on the S3 store of this environment, unless it is there."""

import sys

import boto3
from botocore.exceptions import ClientError


def make_bucket(name: str) -> None:
    """Make the bucket; AWS_ENDPOINT_URL_S3 and the AWS_ credentials say where."""
    client = boto3.client("s3")
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        client.create_bucket(Bucket=name)


if __name__ == "__main__":
    make_bucket(sys.argv[1])
