"""A store's own words in place of ours (HARDENING rule 10): what they may be, how they become part of a mail.

    values    what they may tell, and invented values to try them with
    syntax    which templates are allowed: a white list over the syntax tree
    render    from a source to text and HTML, in a child process that can be killed
    words     one mail's words of one store: asked for when a mail is made, checked when they are saved

The layout adds the notice, messages, button, order, answer line and conversation afterwards: words never see a link, a
token or a reply address, and cannot lose one.
"""
