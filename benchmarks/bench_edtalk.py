"""EDTalk and Audio2Lip, our order of work against the released one: CPU seconds in one run, one thread, same weights.

    python benchmarks/bench_edtalk.py [--official FOLDER] [--repeats 3] [--out FILE.json]

FOLDER: a checkout of the released C-MET code (it holds src/EDTalk), which is then run itself. Without it, its order
of work is re-enacted with our weights: source and pose picture encoded for every frame, blurs as single-channel
convolutions, weights scaled and modulated anew, the axes factorised twice, and the discarded branches of the
expression blocks evaluated. Prints seconds, ratios (official / ours), and the largest difference of the outputs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.seeded import fill
from networks.edtalk.decoder import base_grid
from networks.edtalk.generator import Generator
from networks.stylegan2.layers import Blur, EqualConv2d
from networks.stylegan2.modulation import ModulatedConv2d

Frame = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Encode = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]


def single_channel_blur(x: Tensor, blur: Blur, pad: tuple[int, int]) -> Tensor:
    batch, channels, height, width = x.shape
    x = F.pad(x.reshape(batch * channels, 1, height, width), pad * 2)
    x = F.conv2d(x, blur.kernel.flip(0, 1)[None, None])
    return x.reshape(batch, channels, *x.shape[-2:])


def zero_inserted(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = F.pad(x.reshape(batch, channels, height, 1, width, 1), (0, 1, 0, 0, 0, 1))
    return x.reshape(batch, channels, 2 * height, 2 * width)


def activated(x: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(x + bias, 0.2) * math.sqrt(2)


class Reenactment:
    """The released order of work on the weights of one of our generators, from formulas; nothing is kept."""

    def __init__(self, network: Generator) -> None:
        self.network = network

    def _layer(self, layers: nn.Sequential, x: Tensor) -> Tensor:
        stride = 1
        for layer in layers:
            if isinstance(layer, Blur):
                x, stride = single_channel_blur(x, layer, (layer.pad, layer.pad)), 2
            elif isinstance(layer, EqualConv2d):
                padding = layer.weight.shape[-1] // 2 if stride == 1 else 0
                x = F.conv2d(x, layer.weight * layer.scale, stride=stride, padding=padding)
            else:
                x = activated(x, layer.bias)
        return x

    def encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        convs = list(self.network.enc.net_app.convs)
        maps = [self._layer(convs[0], image)]
        for block in convs[1:-1]:
            x = maps[-1]
            main = self._layer(block.conv2, self._layer(block.conv1, x))
            maps.append((main + self._layer(block.skip, x)) / math.sqrt(2))
        vector = F.conv2d(maps[-1], convs[-1].weight * convs[-1].scale)
        return vector.flatten(1), maps[-2::-1]

    def _chain(self, chain: nn.Sequential, x: Tensor) -> Tensor:
        for layer in chain:
            x = F.linear(x, layer.weight * layer.scale, layer.bias)
        return x

    def codes(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shared = self._chain(self.network.fc, self.encode(image)[0])
        heads = (self.network.exp_fc, self.network.pose_fc, self.network.lip_fc)
        exp, pose, lip = (self._chain(head, shared) for head in heads)
        return exp, pose, lip

    def _modulated(self, conv: ModulatedConv2d, x: Tensor, latent: Tensor) -> Tensor:
        factors = F.linear(latent, conv.modulation.weight * conv.modulation.scale, conv.modulation.bias)
        weight = conv.scale * conv.weight * factors[:, None, :, None, None]
        if conv.demodulate:
            weight = weight * torch.rsqrt(weight.pow(2).sum((2, 3, 4)) + 1e-8)[:, :, None, None, None]
        if conv.upsample:
            y = F.conv_transpose2d(x, weight[0].transpose(0, 1), stride=2)
            return single_channel_blur(y, conv.blur, (1, 1))
        return F.conv2d(x, weight[0], padding=weight.shape[-1] // 2)

    def _styled(self, layer: nn.Module, x: Tensor, latent: Tensor) -> Tensor:
        return activated(self._modulated(layer.conv, x, latent), layer.activate.bias)

    def _expression(self, block: nn.Module, feature: Tensor, latent: Tensor) -> Tensor:
        y = feature
        for conv, norm in ((block.conv1, block.norm1), (block.conv2, block.norm2)):  # the first result is discarded
            gamma, beta = norm(latent)
            y = F.instance_norm(conv(feature)) * (1 + gamma) + beta
        return feature + y

    def _motion(self, alpha: Tensor) -> Tensor:
        bank = torch.cat((self.network.direction_lipnonlip.weight, self.network.direction_exp.weight), dim=1)
        axes = torch.linalg.qr(bank + 1e-8).Q
        return (torch.diag_embed(alpha) @ axes.T).sum(1)

    def frame(self, source: Tensor, lip: Tensor, pose_image: Tensor, exp: Tensor) -> Tensor:
        """One audio-driven frame, everything from scratch."""
        wa, features = self.encode(source)
        pose = self.codes(pose_image)[1]
        latent = wa + self._motion(torch.cat((lip, pose, exp), dim=1))
        expression = self._motion(torch.cat((torch.zeros_like(lip), torch.zeros_like(pose), exp), dim=1))
        return self.decode(latent, features, expression)

    def decode(self, latent: Tensor, features: list[Tensor], expression: Tensor) -> Tensor:
        dec = self.network.dec
        hidden = self._styled(dec.conv1, dec.input.input, latent)
        picture, raw = None, None
        for level, feature in enumerate(features):
            hidden = self._styled(dec.convs[2 * level], hidden, latent)
            hidden = self._styled(dec.convs[2 * level + 1], hidden, latent)
            feature = self._expression(dec.fineadainresblock[level], feature, expression)
            flow, paint = dec.to_flows[level], dec.to_rgbs[level]
            upper = None if raw is None else single_channel_blur(zero_inserted(raw), flow.upsample, (2, 1))
            raw = self._modulated(flow.conv, hidden, latent) + flow.bias
            raw = raw if upper is None else raw + upper
            grid = base_grid(raw.shape[-1], raw.device) + torch.tanh(raw[:, :2]).permute(0, 2, 3, 1)
            mask = torch.sigmoid(raw[:, 2:])
            warp = F.grid_sample(feature, grid, align_corners=False) * mask
            hidden = warp + hidden * (1.0 - mask)
            colours = self._layer(paint.conv, warp) + paint.bias
            if picture is not None:
                colours = colours + single_channel_blur(zero_inserted(picture), paint.upsample, (2, 1))
            picture = colours
        assert picture is not None
        return picture


def official_functions(folder: Path, network: Generator) -> tuple[Frame, Encode]:
    """The released generator itself, with the two calls that current PyTorch lacks put back."""
    sys.path.insert(0, str(folder / "src" / "EDTalk"))
    torch.qr = lambda matrix: torch.linalg.qr(matrix, mode="reduced")
    torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign,assignment]
    from networks.generator import Generator as Released

    released = Released(256, 512, 20, 6, 10, 1)
    released.load_state_dict(network.state_dict())
    released.eval()
    return released.test_EDTalk_AV_use_exp_weight, released.compute_alpha_D


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def stand_in(size: int = 256) -> Generator:
    """The full-size generator with stand-in weights of a gain that keeps activations alive."""
    network = Generator(size=size)
    fill(network, "gen.")
    skipped = ("direction_", "dec.fineadainresblock.")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(".weight") and not name.startswith(skipped) and ".noise." not in name:
                parameter.mul_(math.sqrt(math.prod(parameter.shape[1:])))
    return network.eval()


def difference(first: object, second: object) -> float:
    pairs = zip(first, second, strict=True) if isinstance(first, tuple) else ((first, second),)  # type: ignore[arg-type]
    return max(float((a - b).abs().max()) for a, b in pairs)


def compare(official: Callable[[], object], ours: Callable[[], object], repeats: int) -> dict[str, float]:
    """Fastest of `repeats` interleaved runs of each, after one run of each to warm up."""
    times: list[tuple[float, float]] = []
    gap = difference(official(), ours())
    for _ in range(repeats):
        times.append((seconds(official)[0], seconds(ours)[0]))
    first, second = (min(column) for column in zip(*times, strict=True))
    return {"official_s": first, "ours_s": second, "ratio": first / second, "max_difference": gap}


def measure(frame: Frame, encode: Encode, network: Generator, repeats: int) -> dict[str, dict[str, float]]:
    draw = torch.Generator().manual_seed(7)
    smooth = F.interpolate(torch.rand(2, 3, 16, 16, generator=draw) * 2 - 1, (256, 256), mode="bilinear")
    photo, pose_image = smooth[:1], smooth[1:]
    lip, exp = torch.randn(1, 20, generator=draw), torch.randn(1, 10, generator=draw)
    source, pose = network.source(photo), network.encode(pose_image).pose

    def our_codes() -> tuple[Tensor, Tensor, Tensor]:
        codes = network.codes([pose_image])
        return codes.exp, codes.pose, codes.lip

    return {
        "audio-driven frame": compare(
            lambda: frame(photo, lip, pose_image, exp), lambda: network.render(source, lip, pose, exp), repeats
        ),
        "codes of a frame": compare(lambda: encode(pose_image), our_codes, repeats),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the released C-MET code")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = stand_in()
    again = Reenactment(network)
    frame, encode = official_functions(asked.official, network) if asked.official else (again.frame, again.codes)
    with torch.no_grad():
        table = measure(frame, encode, network, asked.repeats)
    print(f"against the {'released code' if asked.official else 're-enacted order of work'}, torch {torch.__version__}")
    for name, row in table.items():
        print(
            f"{name:20s} official {row['official_s']:.3f} s  ours {row['ours_s']:.3f} s  ratio {row['ratio']:.2f}  "
            f"largest difference {row['max_difference']:.1e}"
        )
    if asked.out:
        asked.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
