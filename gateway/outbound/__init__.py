"""The mail's way out: compose and mime make it, dispatch claims it, relay hands it over."""
