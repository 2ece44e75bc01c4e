"""The generator against stored answers under the same weights: codes, axes, maps, pictures.

The axes are the official EDTalk's own. The official answers about pictures show people that this repository does not
publish: `test_official_pictures` holds ours against them where they lie beside the checkout, and the committed answers,
about puppets, are those of the code that meets them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from harness.media.video import VideoReader
from networks.edtalk.frames import clip_input
from networks.edtalk.generator import Generator, orthogonal
from tests.cmet_golden import Golden, audio2lip, connector, generator, lip_pose_generator
from tests.places import CLIPS, names_and_shapes

NETWORKS = {"connector": connector, "gen": generator, "audio2lip": audio2lip, "lip_pose": lip_pose_generator}


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("prefix", NETWORKS)
def test_stand_in_weights_are_those_of_the_goldens(prefix: str) -> None:
    golden = Golden("fill_check")
    network = NETWORKS[prefix]()
    ours = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    names = [str(name) for name in golden.array(f"{prefix}_names")]
    assert {name for name, _ in network.named_parameters()} <= set(names) <= set(ours)
    for name, total, absolute in zip(names, golden.array(f"{prefix}_sum"), golden.array(f"{prefix}_abs"), strict=True):
        values = ours[name].double()
        assert abs(float(values.sum()) - total) <= 1e-6 * absolute + 1e-12, name
        assert abs(float(values.abs().sum()) - absolute) <= 1e-6 * absolute + 1e-12, name


@pytest.mark.parametrize(("prefix", "table"), [("gen", "edtalk"), ("connector", "cmet"), ("audio2lip", "audio2lip")])
def test_state_dict_has_the_official_names_and_shapes(prefix: str, table: str) -> None:
    own = {name: tuple(value.shape) for name, value in NETWORKS[prefix]().state_dict().items()}
    assert own == names_and_shapes(table)


def test_lip_pose_model_lacks_the_expression_parts_only() -> None:
    full = names_and_shapes("edtalk")
    dropped = ("direction_exp.", "exp_fc.", "dec.fineadainresblock.")
    left = {name: shape for name, shape in full.items() if not name.startswith(dropped)}
    assert {name: tuple(value.shape) for name, value in lip_pose_generator().state_dict().items()} == left


def _check_maps(golden: Golden, prefix: str, map_: Tensor) -> None:
    flat = map_.transpose(0, 1).flatten(1)
    golden.check(f"{prefix}_mean", flat.mean(1))
    golden.check(f"{prefix}_std", flat.std(1))


def encoder(golden: Golden) -> None:
    network = generator()
    for index in range(3):
        encoded = network.encode(golden.picture(f"in{index}_u8_chw"))
        golden.check(f"wa{index}", encoded.wa)
        golden.check(f"shared{index}", network.fc(encoded.wa))
        for part in ("exp", "pose", "lip"):
            golden.check(f"alpha_{part}{index}", getattr(encoded, part))
        for map_ in encoded.features:
            size = map_.shape[-1]
            _check_maps(golden, f"feat{index}_{size}", map_)
            if index == 0:
                middle = size // 2 - 4
                golden.check(f"feat0_{size}_corner", map_[0, :16, :8, :8])
                golden.check(f"feat0_{size}_centre", map_[0, :16, middle : middle + 8, middle : middle + 8])


def test_directions_keep_the_signs_of_lapack() -> None:
    golden, network = Golden("edtalk_direction"), generator()
    alpha = golden.tensor("in_alpha")
    lip, pose, exp = alpha.split((20, 6, 10), dim=1)
    golden.check("Q36", network.bank())
    golden.check("Q26", orthogonal(network.direction_lipnonlip.weight))
    golden.check("Q10_only_exp", orthogonal(network.direction_exp.weight))
    motion, expression = network.motion(lip, pose, exp)
    golden.check("out_direction", motion)
    golden.check("out_exp", expression)
    golden.check("out_lip", network.motion(lip, torch.zeros_like(pose))[0])
    golden.check("out_pose", network.motion(torch.zeros_like(lip), pose)[0])
    golden.check("out_lipnonlip", network.motion(lip, pose)[0])
    golden.check("out_only_exp", exp @ orthogonal(network.direction_exp.weight).T)


class _Recorder:
    """Copies what the decoder's rooms hand to each other."""

    def __init__(self, network: Generator) -> None:
        self.seen: dict[str, tuple[Tensor, ...]] = {}
        decoder = network.dec
        self._hooks = [self._watch("conv1", decoder.conv1)]
        for level in range(6):
            size = 8 << level
            self._hooks += [
                self._watch(f"convA{size}", decoder.convs[2 * level]),
                self._watch(f"convB{size}", decoder.convs[2 * level + 1]),
                self._watch(f"eem{size}", decoder.fineadainresblock[level]),
                self._watch(f"flow{size}", decoder.to_flows[level]),  # the last level takes a shorter way
                self._watch(f"rgb{size}", decoder.to_rgbs[level]),
            ]

    def _watch(self, name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def keep(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
            outputs = output if isinstance(output, tuple) else (output,)
            self.seen[name] = tuple(value.clone() for value in outputs)

        return module.register_forward_hook(keep)

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()


def decoder_room_by_room(golden: Golden) -> None:
    network = generator()
    lip, pose, exp = golden.tensor("in_alpha").split((20, 6, 10), dim=1)
    source = network.source(golden.picture("in_u8_chw"))
    motion, expression = network.motion(lip, pose, exp)
    golden.check("latent", source.wa + motion)
    golden.check("exp_latent", expression)
    recorder = _Recorder(network)
    picture = network.render(source, lip, pose, exp)
    latent, finest = source.wa + motion, recorder.seen["convB256"][0]
    modulated = network.dec.fineadainresblock[5](source.held.features[5], source.held.normalised[5], expression)
    network.dec.to_flows[5](finest.clone(), latent, modulated, recorder.seen["flow128"][2])
    recorder.close()
    golden.check_picture("out", picture)
    golden.check("conv1_4x4", recorder.seen["conv1"][0][0, :32])
    for size in (8, 16, 32, 64, 128, 256):
        warp, hidden, flow = recorder.seen[f"flow{size}"]
        golden.check_picture(f"flow{size}", flow)
        golden.check(f"flow{size}_corner", flow[:, :, :8, :8])
        golden.check_picture(f"rgb{size}", recorder.seen.get(f"rgb{size}", (picture,))[0])
        maps = {"warp": warp, "hidden": hidden} | {
            name: recorder.seen[f"{name}{size}"][0] for name in ("eem", "convA", "convB")
        }
        for name, map_ in maps.items():
            _check_maps(golden, f"{name}{size}", map_)
    golden.check_picture("out_no_exp_feature", network.dec(latent, source.held))


def decoder_on_a_batch_of_sources(golden: Golden) -> None:
    network = generator()
    pictures = torch.cat((golden.picture("in_u8_chw"), golden.picture("in2_u8_chw")))
    golden.check_picture(
        "out_batch2", network.render(pictures, *golden.tensor("in_alpha_batch2").split((20, 6, 10), dim=1))
    )


def render_of_a_photo_by_sound_and_a_pose_clip(golden: Golden) -> None:
    network = generator()
    source = network.source(golden.picture("in_source_u8_chw"))
    pose = network.codes(golden.picture("in_pose_u8", index) for index in range(3)).pose
    rendered = list(network.frames(source, golden.tensor("in_lip"), pose, golden.tensor("in_exp")))
    for index, picture in enumerate(rendered):
        golden.check_picture(f"frame{index}", picture)


def every_entry_point(golden: Golden) -> None:
    network = generator()
    image = {name: network.encode(golden.picture(f"in_{name}_u8")) for name in ("source", "lip_img", "pose_img")}
    exp_img, neutral = (network.encode(golden.picture(f"in_{name}_img_u8")) for name in ("exp", "neutral"))
    source = network.source(image["source"])
    lip, exp = golden.tensor("in_lip_code"), golden.tensor("in_exp_code")
    given = golden.tensor("in_codes36").split((20, 6, 10), dim=1)
    pose = image["pose_img"].pose
    shifted = exp_img.exp - neutral.exp + image["source"].exp
    cases = {
        "V": (image["lip_img"].lip, pose, exp_img.exp),
        "V_use_exp_weight": (image["lip_img"].lip, pose, exp),
        "A": (lip, pose, exp_img.exp),
        "A_vector_operation": (lip, pose, shifted),
        "predicted_D": given,
        "predicted_D_exp_lip": (given[0], pose, given[2]),
    }
    for name, codes in cases.items():
        golden.check_picture(name, network.render(source, *codes))


def lip_and_pose_model(golden: Golden) -> None:
    network = lip_pose_generator()
    source, lips, pose = (network.encode(golden.picture(f"in_{name}_u8")) for name in ("source", "lip_img", "pose_img"))
    held = network.source(source)
    lip = golden.tensor("in_lip_code")
    golden.check_picture("forward", network.render(held, pose.lip, pose.pose))
    golden.check_picture("audio_pose", network.render(held, lip, pose.pose))
    golden.check_picture("audio_fix_pose", network.render(held, lip, source.pose))
    golden.check_picture("V", network.render(held, lips.lip, pose.pose))


def codes_of_a_clip(golden: Golden, path: Path) -> None:
    """The first frames of a clip, read by our reader and encoded in a stream."""
    first = next(iter(VideoReader(path, fps=None, chunk=2)))
    codes = generator().codes([clip_input(first)])
    for part in ("exp", "pose", "lip"):
        error = float((getattr(codes, part) - golden.tensor(f"source_{part}")[:2]).abs().max())
        assert error <= 2e-5, f"{part} differs by {error}"


#: Every comparison about pictures -> its golden file. tests/golden/make.py runs them to store what ours answers.
PICTURED: dict[Callable[[Golden], None], str] = {
    encoder: "edtalk_encoder",
    decoder_room_by_room: "edtalk_decoder",
    decoder_on_a_batch_of_sources: "edtalk_decoder",
    render_of_a_photo_by_sound_and_a_pose_clip: "edtalk_render_av",
    every_entry_point: "edtalk_entrypoints",
    lip_and_pose_model: "edtalk_lip_pose",
}


@pytest.mark.full_size
@pytest.mark.parametrize("compare", PICTURED, ids=lambda compare: compare.__name__)
def test_pictures_of_puppets(compare: Callable[[Golden], None]) -> None:
    compare(Golden(PICTURED[compare]))


@pytest.mark.full_size
def test_codes_of_a_puppets_clip() -> None:
    codes_of_a_clip(Golden("inference_e2e"), CLIPS / "second.mp4")


@pytest.mark.full_size
def test_official_pictures(shared: Path, tmp_path: Path) -> None:
    folder = shared / "golden"
    for compare, name in PICTURED.items():
        compare(Golden(name, folder))
    golden = Golden("inference_e2e", folder)
    (tmp_path / "pose.mp4").write_bytes(golden.array("mp4_file").tobytes())
    codes_of_a_clip(golden, tmp_path / "pose.mp4")
