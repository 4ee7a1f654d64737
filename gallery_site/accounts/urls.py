"""Account pages of our own. Included before allauth's under the same prefix: the first match wins."""

from __future__ import annotations

from django.urls import path

from gallery_site.accounts import tokens, views

urlpatterns = [
    path("", views.overview, name="account_overview"),
    path("theme/", views.theme, name="account_theme"),
    path("delete/", views.delete, name="account_delete"),
    path("invite/<str:token>/", views.invitation, name="account_invitation"),
    path("tokens/", tokens.token_list, name="account_tokens"),
    path("tokens/new/", tokens.token_create, name="account_token_create"),
    path("tokens/<hex:token_id>/revoke/", tokens.token_revoke, name="account_token_revoke"),
    path("signup/", views.signup, name="account_signup"),
]
