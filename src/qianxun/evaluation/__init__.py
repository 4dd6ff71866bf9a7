"""Quality measured on judged questions: data sets, measures, intervals."""
