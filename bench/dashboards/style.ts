/** The look of the pictures: dark, dense, close to what a reader knows. */
export const CSS = `
* { box-sizing: border-box; margin: 0; }
body { background: #111217; color: #ccccdc; font: 13px Inter, 'DejaVu Sans', sans-serif; padding: 14px 16px; }
header { display: flex; align-items: center; gap: 10px; margin-bottom: 10px; }
h1 { font-size: 19px; font-weight: 500; margin-right: 8px; }
.chip { background: #181b1f; border: 1px solid #2c3036; border-radius: 3px; padding: 4px 9px; font-size: 12px; }
.chip b { color: #8e9099; font-weight: 400; margin-right: 4px; }
.time { margin-left: auto; color: #8e9099; }
main { position: relative; }
section { position: absolute; }
.row { font-weight: 500; font-size: 14px; padding: 4px 2px; border-bottom: 1px solid #24272d; }
.panel { background: #181b1f; border: 1px solid #25282e; border-radius: 3px; padding: 6px 8px 8px; overflow: hidden; }
h2 { font-size: 13px; font-weight: 500; height: 22px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.legend { display: flex; align-content: flex-start; flex-wrap: wrap; gap: 0 13px; overflow: hidden; font-size: 11px; line-height: 18px; padding: 4px 4px 0; color: #b5b7c0; }
.legend span { white-space: nowrap; }
.key { display: inline-block; width: 13px; height: 3px; border-radius: 2px; background: var(--c); vertical-align: middle; margin-right: 5px; }
.key.dash { background: repeating-linear-gradient(90deg, var(--c) 0 5px, transparent 5px 8px); }
.values { display: flex; height: calc(100% - 22px); align-items: center; justify-content: space-around; gap: 6px; }
.value { display: flex; flex-direction: column; align-items: center; }
.value small { color: #9d9fa8; font-size: 11px; margin-bottom: 2px; white-space: nowrap; }
.value strong { font-weight: 500; font-size: 25px; white-space: nowrap; }
.values.n1 strong { font-size: 34px; }
.values.n3 strong { font-size: 22px; }
.scroll { height: calc(100% - 24px); overflow: hidden; }
table { width: 100%; border-collapse: collapse; font-size: 12.5px; }
th { text-align: left; color: #6e9fff; font-weight: 500; padding: 4px 8px; border-bottom: 1px solid #2c3036; white-space: nowrap; font-size: 12px; }
td { padding: 4px 8px; border-bottom: 1px solid #22252b; white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; }
td.link { color: #6e9fff; }
.empty { height: calc(100% - 24px); display: flex; align-items: center; justify-content: center; color: #7b7d86; font-size: 12px; }
footer { color: #7b7d86; font-size: 12px; padding-top: 12px; }
`
