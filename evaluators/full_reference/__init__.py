"""Full-reference metrics: PSNR, SSIM, LPIPS and landmark distances against a frame-aligned clip."""
