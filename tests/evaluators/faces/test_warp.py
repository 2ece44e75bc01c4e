"""The aligned crop's warp is OpenCV 4.10's warpAffine to the bit, whatever OpenCV is installed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from evaluators.faces.warp import warped

PICTURE = np.random.default_rng(7).integers(0, 256, (40, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("matrix", "size", "digest"),
    [
        ([[0.9, -0.3, 4.25], [0.3, 0.9, -6.5]], 32, "f3d3055c317b66de"),
        ([[2.1, 0.4, -30.0], [-0.4, 2.1, 11.7]], 64, "5400d52e3a6e732d"),
        ([[0.31, 0.02, 3.0], [-0.02, 0.31, 2.0]], 24, "897c83d359954677"),
    ],
)
def test_the_pixels_are_those_of_opencv_4_10(matrix: list[list[float]], size: int, digest: str) -> None:
    """Digests of cv2.warpAffine(PICTURE, matrix, (size, size)) by OpenCV 4.10.0."""
    assert hashlib.sha256(warped(PICTURE, matrix, size).tobytes()).hexdigest()[:16] == digest


def test_whole_shifts_move_pixels_and_nothing_else() -> None:
    got = warped(PICTURE, [[1, 0, 5], [0, 1, -3]], 30)
    np.testing.assert_array_equal(got[:, 5:], PICTURE[3:33, :25])
    assert not got[:, :5].any()


def test_a_half_is_rounded_up_and_no_inverse_is_refused() -> None:
    two = np.zeros((1, 2, 3), np.uint8)
    two[0, 1] = 255
    assert warped(two, [[1, 0, -0.5], [0, 1, 0]], 1)[0, 0].tolist() == [128] * 3
    with pytest.raises(ValueError, match="no inverse"):
        warped(PICTURE, [[1, 1, 0], [1, 1, 0]], 8)
