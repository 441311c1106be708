"""From a record to a judgement: signs look at series, the verdict weighs their findings."""
