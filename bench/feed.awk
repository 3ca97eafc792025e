# Makes a table of feed.sh: medians of what was measured and of the ratios formed within a round, each with the least and
# the most. -v most=N: as many as may follow. Lines: LOAD NAME ROUND name=value...
function value(name, i) {
  for (i = 4; i <= NF; i++)
    if (index($i, name "=") == 1)
      return substr($i, length(name) + 2) + 0
  return 0
}

{
  rps[$2, $3] = value("rps")
  cpu[$2, $3] = value("cpu_us")
  rows[$2] += value("rows")
  dropped[$2] += value("dropped")
  ended[$2] += value("ended")
  if ($3 > rounds)
    rounds = $3
}

# "MEDIAN (LEAST to MOST)" of the values of a name, or of their ratios to those of the name 0.
function summary(values, name, is_ratio, format, n, i, j, sorted, v) {
  n = 0
  for (i = 1; i <= rounds; i++) {
    v = is_ratio ? values[name, i] / values[0, i] : values[name, i]
    for (j = n++; j > 0 && sorted[j] > v; j--)
      sorted[j + 1] = sorted[j]
    sorted[j + 1] = v
  }
  return sprintf(format " (" format " to " format ")", sorted[int((n + 1) / 2)], sorted[1], sorted[n])
}

END {
  print "| followers | requests a second | CPU a request, us | requests a second, ratio | CPU a request, ratio | of the rows for them, came / were dropped and counted |"
  print "|---|---|---|---|---|---|"
  count = split("0 1 10 " most " stalled", names, " ")
  for (k = 1; k <= count; k++) {
    name = names[k]
    due = rows[name] + dropped[name]
    told = name == "0" || name == "stalled" || due == 0 ? "-" : sprintf("%.1f %% / %.1f %%", rows[name] / due * 100, dropped[name] / due * 100)
    if (ended[name] > 0)
      told = told ", " ended[name] " ended by Weir"
    print "| " (name == "stalled" ? most " that do not read" : name) " | " summary(rps, name, 0, "%.0f") " | " summary(cpu, name, 0, "%.1f") " | " summary(rps, name, 1, "%.2f") " | " summary(cpu, name, 1, "%.2f") " | " told " |"
  }
}
