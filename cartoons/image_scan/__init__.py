"""A picture's bytes before Pillow sees them: what costs too much is refused, what pixels do not need is left out.

scan.py         bytes -> Scan: the format, the true size, and the bytes that are worth decoding
kinds.py        what a file that is not read here is, in words
limits.py       Scan, and the limits that the formats share
orientation.py  EXIF and XMP -> the orientation, and EXIF that says nothing else
jpeg.py         JPEG
png.py          PNG and APNG
gif.py          GIF
webp.py         WebP
bmp.py          BMP
tiff.py         TIFF
heif.py         AVIF and HEIC
boxes.py        their boxes: items, properties, places
bitstreams.py   the sizes that AV1 and HEVC streams state of themselves
"""
