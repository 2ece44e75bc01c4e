"""The geometry of EAT's keypoints: rotations, blobs, resampling, the hull, re-centring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from harness.seeded import seeded_array
from networks.eat.grids import blobs, coordinates, resampled
from networks.eat.keypoint_motion import deformation, hull_volume, mean_bin, placed, radians, recentred, rotation
from networks.eat.keypoints import gaussian_kernel, mean_places
from networks.eat.places import sinusoids
from networks.eat.pose_network import HeadPose

torch.set_num_threads(1)


def formula(name: str, *shape: int) -> torch.Tensor:
    return torch.from_numpy(seeded_array(name, shape))


def certain(index: int) -> torch.Tensor:
    """Scores that leave no doubt about a bin."""
    return torch.nn.functional.one_hot(torch.tensor([index]), 66).float() * 1000


def test_an_angle_is_the_mean_of_its_bins() -> None:
    assert float(mean_bin(certain(7))) == pytest.approx(7)
    assert float(radians(certain(33))) == pytest.approx(0, abs=1e-6)
    assert float(radians(certain(63))) == pytest.approx(3.14 / 2)  # 90 degrees, with the released half turn
    between = certain(33) + certain(36)
    assert float(radians(between)) == pytest.approx(4.5 / 180 * 3.14, abs=1e-6)


def test_rotation_is_pitch_then_yaw_then_roll() -> None:
    yaw, pitch, roll = formula("angles", 3, 5)
    matrices = rotation(yaw, pitch, roll)
    wanted = Rotation.from_euler("XYZ", torch.stack((pitch, yaw, roll), dim=-1).double().numpy()).as_matrix()
    np.testing.assert_allclose(matrices.numpy(), wanted, atol=1e-6)


def test_placed_keypoints_are_turned_then_moved() -> None:
    keypoints = torch.tensor([[[1.0, 0, 0], [0, 1.0, 0]]])
    quarter, straight = certain(63), certain(33)
    pose = HeadPose(straight, straight, quarter, torch.tensor([[0, 0, 5.0]]), torch.zeros(1, 6))
    offsets = torch.tensor([[0, 0, 0, 0, 0, 1.0]])
    wanted = [[[0, 1, 5], [-1, 0, 6]]]  # a roll turns x to y and y to -x
    np.testing.assert_allclose(placed(keypoints, pose, offsets).numpy(), wanted, atol=1e-3)


def test_hull_of_a_cube_and_of_nothing() -> None:
    cube = torch.cartesian_prod(*[torch.tensor([0.0, 0.5])] * 3)
    assert hull_volume(cube) == pytest.approx(0.125)
    assert hull_volume(2 * cube + 1) == pytest.approx(1)
    for flat in (cube * torch.tensor([1.0, 1, 0]), cube * torch.nan):
        with pytest.raises(ValueError, match="found no face"):
            hull_volume(flat)


def test_deformation_uses_the_first_columns_and_the_size_of_the_face() -> None:
    coefficients, basis, mean = formula("c", 3, 2), formula("U", 6, 4), formula("m", 6)
    emotional = formula("e", 1, 6)
    got = deformation(coefficients, basis, mean, emotional, 0.5)
    wanted = [0.5 * (basis[:, :2] @ row + mean + emotional[0]) for row in coefficients]
    torch.testing.assert_close(got, torch.stack(wanted))


def test_a_clip_is_recentred_as_a_whole() -> None:
    driving, portrait = formula("d", 4, 5, 3), formula("s", 1, 5, 3)
    moved = recentred(driving, portrait)
    torch.testing.assert_close(moved.mean((0, 1)), portrait.mean((0, 1)))
    torch.testing.assert_close(moved[1:] - moved[:-1], driving[1:] - driving[:-1])  # its motion stays
    torch.testing.assert_close(recentred(driving + 7, portrait), moved, atol=1e-5, rtol=0)


def test_a_keypoint_is_where_its_map_is_high() -> None:
    volume = torch.zeros(1, 2, 4, 5, 6)
    volume[0, 0, 3, 0, 5] = volume[0, 1, 0, 2, 0] = 10
    found = mean_places(volume)
    at = coordinates(volume)
    torch.testing.assert_close(found[0], torch.stack((at[3, 0, 5], at[0, 2, 0])))
    assert at[3, 0, 5].tolist() == [1, -1, 1]  # x, y, z
    blob = blobs(found, volume)
    assert float(blob[0, 0, 3, 0, 5]) == pytest.approx(1)
    squared = ((at - found[0, 0]) ** 2).sum(-1)
    torch.testing.assert_close(blob[0, 0], torch.exp(-squared / 0.02))


def test_resampling_reads_the_outer_edges_as_one() -> None:
    line = torch.arange(4.0).reshape(1, 1, 1, 1, 4)
    at = torch.zeros(1, 1, 1, 3, 3)
    at[0, 0, 0, :, 0] = torch.tensor([-0.75, 0.0, 0.25])  # centres of four voxels: -0.75, -0.25, 0.25, 0.75
    assert resampled(line, at).flatten().tolist() == [0, 1.5, 2]


def test_low_pass_and_places() -> None:
    kernel = gaussian_kernel(4)
    assert tuple(kernel.shape) == (13, 13)
    assert float(kernel.sum()) == pytest.approx(1)
    assert float(kernel[6, 6] / kernel[6, 9]) == pytest.approx(np.exp(2))  # two sigmas of 1.5 px away
    table = sinusoids(3, 4)
    assert table[0].tolist() == [0, 1, 0, 1]
    assert table[2].tolist() == pytest.approx([np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)], abs=1e-6)
