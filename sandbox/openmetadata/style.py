"""How the page looks."""

STYLE = """
:root { --ink: #1d2433; --faint: #6b7488; --line: #e4e8f0; --paper: #fff; --back: #f5f7fb; --accent: #7147e8; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 14px/1.5 system-ui, "Segoe UI", sans-serif; }
header { background: var(--accent); color: #fff; padding: 20px 32px; }
header h1 { margin: 0; font-size: 22px; }
header p { margin: 2px 0 0; opacity: .85; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 32px 64px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 4px 20px 18px;
  margin-bottom: 20px; }
h2 { font-size: 16px; margin: 14px 0 10px; }
h3 { font-size: 14px; margin: 14px 0 8px; }
h4 { font-size: 13px; margin: 10px 0 6px; }
small { color: var(--faint); font-weight: normal; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 12px; background: none;
  border: 0; padding: 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.card b { display: block; font-size: 24px; line-height: 1.2; }
.card span, .nothing { color: var(--faint); }
.whole { white-space: nowrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; color: var(--faint); font-weight: 600; font-size: 12px; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--line); padding: 6px 0; }
details[open] { padding-bottom: 12px; }
details > .scroll { margin: 6px 0 0 18px; }
summary { cursor: pointer; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tag { background: #efeafd; color: var(--accent); border-radius: 4px; padding: 1px 6px; font-size: 11.5px;
  font-weight: 600; }
.key { background: #fff3d6; color: #8a5a00; }
.state { border-radius: 10px; padding: 1px 9px; font-size: 12px; font-weight: 600; }
.good { color: #0f7a4a; } .bad { color: #b3261e; } .fair { color: #8a5a00; } .busy { color: #2456c4; }
.state.good { background: #e0f5ea; } .state.bad { background: #fbe6e5; } .state.fair { background: #fff3d6; }
.state.busy { background: #e5edfc; }
"""
