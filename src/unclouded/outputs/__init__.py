"""Files that a mask becomes: COG, preview, report. Knows neither models nor scenes."""
