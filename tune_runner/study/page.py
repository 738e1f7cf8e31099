"""The report as files: one HTML page that opens anywhere, and the same facts as JSON."""

import base64
import json
from dataclasses import asdict
from pathlib import Path

import jinja2

from tune_runner.journal import write_whole
from tune_runner.study.plots import draw_curves
from tune_runner.study.summary import Summary
from tune_runner.study.words import curve_title, percent, spread, text
from tune_runner.tracking import artifact_folder

HTML = "report.html"
JSON = "summary.json"
CURVES = "curves.png"


def write(summary: Summary, directory: Path) -> list[Path]:
    """`summary.json`, and `report.html`, one file that opens anywhere; pictures are in it, and beside it."""
    described = json.dumps(asdict(summary), indent=1) + "\n"
    write_whole(directory / JSON, lambda file: file.write(described.encode()))
    pictures = []
    if summary.best is not None:
        folder = artifact_folder(directory, summary.best.trial)
        pictures = [(path.stem.replace("_", " "), _inlined(path)) for path in sorted(folder.glob("*.png"))]
    files = [directory / HTML, directory / JSON]
    curves = ""
    if summary.curves:
        draw_curves(summary.curves, directory / CURVES)
        files.append(directory / CURVES)
        curves = _inlined(directory / CURVES)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(percent=percent, text=text)
    page = environment.from_string(_PAGE).render(
        s=summary,
        pictures=pictures,
        curves=curves,
        title=curve_title,
        shares={each.parameter: each for each in summary.shares},
        spread=spread,
    )
    write_whole(directory / HTML, lambda file: file.write(page.encode()))
    return files


def _inlined(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ s.name }}</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1d2530 }
 table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
 th, td { text-align: left; padding: .3rem .8rem .3rem 0 }
 tr { border-bottom: 1px solid #dde3ea } code { background: #f1f4f8; padding: .1rem .3rem }
 .banner { background: #b3261e; color: white; padding: .8rem 1rem; font-weight: 600 }
 .big { font-size: 2rem; font-weight: 600 } .quiet { color: #5b6775 } img { max-width: 100%; margin: .5rem 0 }
 .shown { font-weight: 600 }
</style>
<h1>{{ s.name }}</h1>
{% if s.banner %}<p class="banner">{{ s.banner }}</p>{% endif %}
<p class="quiet">{% for what, count in s.trials.items() %}{{ count }} {{ what }}{{ ", " if not loop.last }}{% endfor %}
{% for what, count in s.failures.items() %}; {{ count }} × {{ what }}{% endfor %}. {{ s.protocol }}.</p>
{% if s.best %}
<h2>Which settings are good here</h2>
<p class="big">{{ spread(s.best.test_auroc, s.best.test_interval) }} % AUROC on test</p>
<p>Trial {{ s.best.trial }}; search AUROC {{ spread(s.best.search_auroc, s.best.search_interval) }} %; it was chosen by
{{ "this" if s.best.chosen_by == "auroc" else s.best.chosen_by }}. Test per episode:
{% for v in s.best.test_per_episode %}{{ v | percent }}{{ ", " if not loop.last }}{% endfor %}.
Intervals: 95 %, bootstrap over episodes and images.</p>
<table>{% for group in (s.best.parameters, s.best.row) %}{% for name, value in group.items() %}
<tr><th>{{ name }}</th><td>{{ value | text }}</td></tr>{% endfor %}{% endfor %}</table>
{% endif %}
{% if s.effects or s.too_few %}
<h2>How much each setting matters here</h2>
<table><tr><th>parameter</th><th>better</th><th>worse</th><th>difference in AUROC, points</th>
<th>p</th><th>compared</th>
{% if shares %}<th>importance, %</th>{% endif %}</tr>
{% for e in s.effects %}<tr{% if e.shown %} class="shown"{% endif %}><td>{{ e.parameter }}</td>
<td>{{ e.better }}</td><td>{{ e.worse }}</td><td>{{ spread(e.difference, e.interval) }}</td>
<td>{{ "%.2g" | format(e.p) }}</td>
<td>{{ "within" if e.paired else "between" }} {{ e.trials }} trials</td>
{% if shares %}<td>{% if e.parameter in shares %}{{ spread(shares[e.parameter].share, shares[e.parameter].interval) }}
{% endif %}</td>{% endif %}
</tr>{% endfor %}</table>
{% if s.too_few %}<p>Not enough evidence: {% for f in s.too_few %}
{{ f.parameter }} ({{ f.trials }} of {{ f.needed }} trials){{ ", " if not loop.last }}{% endfor %}.</p>{% endif %}
<p class="quiet">Bold: shown, p &lt; 0.05 in a test over all levels, corrected for the number of settings.
{{ s.caution }}</p>
{% endif %}
{% if s.curves %}
<h2>Along each setting</h2>
<p><img src="{{ curves }}" alt="AUROC along each setting"></p>
{% for c in s.curves %}<h3>{{ title(c) }}</h3>
<table>
<tr><th>value</th><th>search AUROC, %</th><th>against {{ c.centre | text }}, points</th><th>better in</th></tr>
{% for p in c.points %}<tr{% if p.interval[0] > 0 or p.interval[1] < 0 %} class="shown"{% endif %}>
<td>{{ p.value | text }}</td><td>{{ p.auroc | percent }}</td>
{% if p.value == c.centre %}<td></td><td></td>{% else %}
<td>{{ spread(p.difference, p.interval) }}</td><td>{{ p.better_in }} of {{ p.of }} {{ c.unit }}</td>{% endif %}
</tr>{% endfor %}</table>
{% if c.missing %}<p class="quiet">Without a result: {% for v in c.missing %}{{ v | text }}{{ ", " if not loop.last }}{%
endfor %}.</p>{% endif %}{% endfor %}
<p class="quiet">Paired: the same episodes and images, or the same trainings, on both sides. The shade: values not shown
to be worse than the best one. Bold: the 95 % interval excludes 0; the intervals are not corrected for their number.</p>
{% endif %}
{% if pictures %}<h2>The best configuration on the search images</h2>
{% for name, image in pictures %}<img src="{{ image }}" alt="{{ name }}">{% endfor %}{% endif %}
<h2>Again</h2>
<table>{% for what, command in s.commands.items() %}
<tr><th>{{ what }}</th><td><code>{{ command }}</code></td></tr>{% endfor %}</table>
</html>
"""
