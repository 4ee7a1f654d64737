"""People in the admin. Its sign-in is the site's own, so that limits and second factor hold there too."""

from __future__ import annotations

import allauth.mfa.admin  # noqa: F401 (registers what is taken away below)
from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from gallery_site.accounts.deletion import delete_account
from gallery_site.accounts.models import User

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister(Authenticator)  # its page shows the secrets of second factors


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """A person is suspended by taking "active" away, and leaves by the action below; a row is never deleted by hand."""

    list_display = ("username", "email", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("username", "email")
    ordering = ("-date_joined",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "email", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    actions = ("delete_accounts",)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.action(description="Delete these accounts with everything in them, for good", permissions=["erase"])
    def delete_accounts(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The same path that a person's own "delete my account" takes."""
        for user in queryset.exclude(username=request.user.get_username()):
            name = user.username
            delete_account(user, timezone.now())
            self.log_change(request, user, f"Account {name} deleted with everything in it.")
        self.message_user(request, "Deleted. The pictures go with the next sweep.")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.delete_user")
